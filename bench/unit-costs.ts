import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { answerStatementHash } from '../protocol/answer-statement.ts'
import { canonicalJson } from '../protocol/canonical-json.ts'
import { contentHashOf } from '../protocol/content-hash.ts'
import { type Bytes32, keccak256Hex, randomBytes32, utf8ToBytes } from '../protocol/hex.ts'
import { queryResultDigest } from '../protocol/query-result.ts'
import { deriveSalt } from '../protocol/salt.ts'
import { newSerial, serialToKey } from '../protocol/serial.ts'
import { addressOf, recoverSigner, signHash } from '../protocol/signature.ts'

/** One operation of the hot path, how often one query to `providers` providers does it, and what one costs. */
export interface UnitCost {
  operation: string
  perQuery: number
  /** Microseconds of one. */
  microseconds: number
}

const ROUNDS = 2_000

/** Measures, alone on one core, what signatures and recording add to a query; the sum says where the time goes. */
export function measureUnitCosts(providers: number): UnitCost[] {
  const privateKey: Bytes32 = keccak256Hex(utf8ToBytes('a key for measuring'))
  const provider = addressOf(privateKey)
  const serial = newSerial()
  const salt = randomBytes32()
  const result = {
    serial,
    type: 'motor-insurance',
    found: true,
    policies: 1,
    premium: '412.50',
    claims: 2,
    paid: '1023.00',
  }
  const statement = {
    chainId: 31337,
    registry: provider,
    serial,
    provider,
    digest: salt,
    answeredAt: 1,
    recordBy: 2,
  }
  const signature = signHash(salt, privateKey)
  const secret = utf8ToBytes('a salt secret of thirty-two bytes or more')
  const cost = (operation: string, perQuery: number, run: () => unknown): UnitCost => ({
    operation,
    perQuery,
    microseconds: microsecondsOf(run),
  })
  return [
    cost('sign request (proxy)', providers, () => signHash(salt, privateKey)),
    cost('recover request (provider)', providers, () => recoverSigner(salt, signature)),
    cost('sign answer (provider)', providers, () => signHash(answerStatementHash(statement), privateKey)),
    cost('recover answer (proxy)', providers, () => recoverSigner(answerStatementHash(statement), signature)),
    cost('canonical JSON and content hash (both)', providers * 2, () => contentHashOf(result)),
    cost('salt (provider)', providers, () =>
      deriveSalt({ secret, key: serialToKey(serial), author: provider, share: salt }),
    ),
    cost('digest (both)', providers * 2, () =>
      queryResultDigest({ chainId: 31337, registry: provider, serial, provider, contentHash: salt, salt }),
    ),
    cost('integrity of a receipt (provider)', providers, () =>
      keccak256Hex(utf8ToBytes(canonicalJson({ ...statement, result }))),
    ),
    {
      operation: 'durable commit, if not shared (each party)',
      perQuery: providers + 1,
      microseconds: microsecondsOfCommit(),
    },
  ]
}

function microsecondsOf(run: () => unknown): number {
  for (let i = 0; i < ROUNDS / 4; i++) run()
  const start = performance.now()
  for (let i = 0; i < ROUNDS; i++) run()
  return ((performance.now() - start) * 1000) / ROUNDS
}

function microsecondsOfCommit(): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-bench-'))
  const database = new DatabaseSync(path.join(folder, 'commit.db'))
  try {
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (content TEXT) STRICT',
    )
    const insert = database.prepare('INSERT INTO rows VALUES (?)')
    const content = 'x'.repeat(1_000)
    return microsecondsOf(() => insert.run(content))
  } finally {
    database.close()
    rmSync(folder, { recursive: true })
  }
}
