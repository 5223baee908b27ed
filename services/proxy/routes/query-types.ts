import { Type } from 'typebox'
import type { RouteGroup } from './proxy-parts.ts'
import { AddressSchema, problems, SECURITY } from './schemas.ts'

const JsonSchema = Type.Object({}, { additionalProperties: true, description: 'JSON Schema, draft 2020-12' })

export const queryTypeRoutes: RouteGroup = (scope, { queryTypes, providersOf }) => {
  scope.get(
    '/v1/query-types',
    {
      schema: {
        tags: ['queries'],
        summary: 'What can be asked, and who answers it now',
        security: SECURITY,
        response: {
          200: Type.Object({
            queryTypes: Type.Array(
              Type.Object({
                type: Type.String(),
                title: Type.String(),
                subject: JsonSchema,
                parameters: JsonSchema,
                result: JsonSchema,
                providers: Type.Array(
                  Type.Object({
                    provider: AddressSchema,
                    name: Type.String(),
                    book: Type.Optional(
                      Type.Object(
                        { chainId: Type.Integer(), registry: AddressSchema },
                        { description: 'Where its records are kept' },
                      ),
                    ),
                  }),
                ),
              }),
            ),
          }),
          ...problems(503),
        },
      },
    },
    () => ({
      queryTypes: [...queryTypes.values()].map(
        ({ declaration: { type, title, subject, parameters, result } }) => ({
          type,
          title,
          subject,
          parameters,
          result,
          providers: providersOf(type).map(({ address, name, books }) => ({
            provider: address,
            name,
            ...(books.provider && { book: books.provider }),
          })),
        }),
      ),
    }),
  )
}
