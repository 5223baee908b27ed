import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import {
  type EvidenceStatement,
  parseEvidenceStatement,
  serializeEvidenceStatement,
  verifyEvidenceStatement,
} from '../../../../protocol/credentials/evidence-statement.ts'
import type { Bytes32 } from '../../../../protocol/hex.ts'
import type { S3Server } from '../../../support/s3-server.ts'
import { type EvidenceAnswer, type EvidenceProcess, ISSUER } from '../evidence-fixture.ts'

/** The settings of a server that keeps contents in an object store. */
export const s3Environment = ({ options }: S3Server): Record<string, string> => ({
  EVIDENCE_STORE: `s3://${options.bucket}/evidence`,
  EVIDENCE_S3_ENDPOINT: options.endpoint,
  EVIDENCE_S3_REGION: options.region,
  EVIDENCE_S3_ACCESS_KEY_ID: options.accessKeyId,
  EVIDENCE_S3_SECRET_ACCESS_KEY: options.secretAccessKey,
})

const keyOf = (hash: Bytes32): string => `objects/${hash.slice(2, 4)}/${hash.slice(4)}`

/** The file in which a content lies. */
export const fileOf = (server: EvidenceProcess, hash: Bytes32, s3?: S3Server): string =>
  s3 === undefined ? path.join(server.storeFolder, keyOf(hash)) : s3.fileOf(`evidence/${keyOf(hash)}`)

export function flipBit(file: string, bit = 13): void {
  const bytes = readFileSync(file)
  bytes[Math.floor(bit / 8) % bytes.length]! ^= 1 << (bit % 8)
  writeFileSync(file, bytes)
}

/** As somebody would who gets at the database. */
export function tamperRow(server: EvidenceProcess, assignment: string, credentialId: string): void {
  const db = new DatabaseSync(server.databaseFile, { timeout: 5_000 })
  try {
    db.prepare(`UPDATE evidence SET ${assignment} WHERE credential_id = ?`).run(credentialId)
  } finally {
    db.close()
  }
}

export const askToVerify = (
  server: EvidenceProcess,
  { credentialId, credential }: Pick<EvidenceAnswer, 'credentialId' | 'credential'>,
  apiKey?: string,
): Promise<Response> =>
  server.request(
    `/v1/evidence/${credentialId}/verify`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ credential }),
    },
    apiKey,
  )

/** The statement, once it was checked as its reader would. */
export async function verify(
  server: EvidenceProcess,
  answer: Pick<EvidenceAnswer, 'credentialId' | 'credential'>,
): Promise<EvidenceStatement> {
  const response = await askToVerify(server, answer)
  const text = await response.text()
  expect(response.status, text).to.equal(200)
  const { statement } = JSON.parse(text) as { statement: EvidenceStatement }
  const read = parseEvidenceStatement(serializeEvidenceStatement(statement))
  const { verdict, checks } = await verifyEvidenceStatement(read)
  expect(verdict, JSON.stringify(checks)).to.equal(statement.verdict)
  expect(read.issuer).to.equal(ISSUER)
  expect(read.credentialId).to.equal(answer.credentialId)
  return read
}
