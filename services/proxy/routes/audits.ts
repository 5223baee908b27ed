import { Type } from 'typebox'
import { AUDIT_REPORT_MEDIA_TYPE } from '../../../protocol/audit-report.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { toAddress } from '../../../protocol/hex.ts'
import type { RouteGroup } from './proxy-parts.ts'
import { AddressSchema, fileContent, problems, SECURITY, SerialSchema } from './schemas.ts'
import { sendText } from './send-text.ts'
import { getVisibleQuery } from './visible-query.ts'

const RecordName = Type.Object({ serial: SerialSchema, provider: AddressSchema })

export const auditRoutes: RouteGroup = (scope, { audits, store }) => {
  scope.post(
    '/v1/audits',
    {
      schema: {
        tags: ['audits'],
        summary: 'Ask whether a provider still says what it said',
        description:
          'Reads anew what the provider keeps and what its chain holds, compares both with what the user was given, and answers with a ' +
          'signed report file. A provider that is away is a verdict, not an error.',
        security: SECURITY,
        body: Type.Object(RecordName.properties, { additionalProperties: false }),
        response: {
          200: fileContent(AUDIT_REPORT_MEDIA_TYPE, 'The audit report, byte for byte as signed'),
          ...problems(404, 502, 503),
        },
      },
    },
    async (request, reply) => {
      const { serial, provider } = request.body
      const query = getVisibleQuery(store.queries, serial, request.caller)
      const { file } = await audits.audit(query, toAddress(provider))
      return sendText(reply, AUDIT_REPORT_MEDIA_TYPE, file)
    },
  )

  scope.get(
    '/v1/audit-reports/:serial/:provider',
    {
      schema: {
        tags: ['audits'],
        summary: 'The latest audit report of a record, as it was handed out',
        security: SECURITY,
        params: RecordName,
        response: {
          200: fileContent(AUDIT_REPORT_MEDIA_TYPE, 'The audit report'),
          ...problems(404),
        },
      },
    },
    (request, reply) => {
      const { serial, provider } = request.params
      getVisibleQuery(store.queries, serial, request.caller)
      const file = store.audits.findLatest(serial, toAddress(provider))
      if (file === undefined)
        throw new CountersignError('AUDIT_REPORT_UNKNOWN', `${serial} of ${provider} was not audited yet`)
      return sendText(reply, AUDIT_REPORT_MEDIA_TYPE, file)
    },
  )
}
