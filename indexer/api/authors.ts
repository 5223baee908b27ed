import { Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import { bytesToHex, hexToBytes, toAddress } from '../../protocol/hex.ts'
import { readChainHeads } from '../chain/head-check.ts'
import type { RpcClient } from '../chain/rpc-client.ts'
import { answer } from './answer-schema.ts'
import {
  type ApiDeps,
  answerHeads,
  type Book,
  booksOf,
  CREDENTIAL_BOOK_KIND,
  PAYMENT_BOOK_KIND,
  RESULT_BOOK_KIND,
} from './records.ts'
import { AddressSchema, Bytes32Schema, HeadSchema, PROBLEM_RESPONSES, StandingsSchema } from './schemas.ts'
import { standingsOf } from './standing.ts'

const BOOK_KINDS = [RESULT_BOOK_KIND, PAYMENT_BOOK_KIND, CREDENTIAL_BOOK_KIND]

const BookCompletenessSchema = Type.Object({
  ...HeadSchema.properties,
  chainHead: Type.Union([Bytes32Schema, Type.Null()], {
    description: 'headOf on chain, asked now at the block of the standing; null when no node answered',
  }),
})

export function addAuthorRoutes(
  server: HttpServer,
  { views, rpcOf }: ApiDeps & { rpcOf: (chainId: number) => RpcClient },
): void {
  const chainHead = async ({ view, contract }: Book, author: Uint8Array): Promise<string | null> => {
    if (view.checkpoint === undefined) return null
    const asked = [{ contractAddress: contract.stored.address, author }]
    return readChainHeads(rpcOf(view.config.chainId), view.checkpoint.hash, asked).then(
      ([head]) => bytesToHex(head!),
      () => null,
    )
  }

  server.get(
    '/v1/authors/:address/completeness',
    {
      schema: {
        tags: ['authors'],
        operationId: 'getAuthorCompleteness',
        summary: "An author's head in each book: folded from the index, beside the one on chain",
        params: Type.Object({ address: AddressSchema }),
        response: {
          ...answer(
            'The head of each book. Made anew for each request: the chain is asked.',
            Type.Object({
              author: Type.String(),
              books: Type.Array(BookCompletenessSchema),
              standings: StandingsSchema,
            }),
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async ({ params }) => {
      const author = toAddress(params.address)
      const books = BOOK_KINDS.flatMap((kind) => booksOf(views.values(), kind))
      // Read together with the standings: an answer from the chain may arrive after the next block.
      const heads = answerHeads(author, books)
      const standings = standingsOf(views.values())
      const chainHeads = await Promise.all(books.map((book) => chainHead(book, hexToBytes(author))))
      return {
        author,
        books: heads.map((head, i) => ({ ...head, chainHead: chainHeads[i]! })),
        standings,
      }
    },
  )
}
