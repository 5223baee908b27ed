import { pino } from 'pino'
import { addressOf } from '../../../../protocol/signature.ts'
import { credentialCalls } from '../../../../services/evidence/book/credential-calls.ts'
import { BookWriter } from '../../../../services/party/book-writer/book-writer.ts'
import { openPartyDatabase } from '../../../../services/party/database.ts'
import { GroupCommit } from '../../../../services/party/group-commit.ts'
import { connectChain } from '../../../../services/party/rpc.ts'
import { newEntry } from './written-book.ts'

/**
 * A process that writes a book until it is killed: prints each entry once it is committed, and ends itself abruptly at the
 * stage it is told to, if any.
 */
const { rpcUrl, chainId, registry, privateKey, databaseFile, publishes, dieAt, entries } = JSON.parse(
  process.argv[2]!,
)
const { db } = openPartyDatabase(databaseFile)
const commits = new GroupCommit(db)
const writer = new BookWriter({
  db,
  commits,
  rpc: connectChain({ chainId, rpcUrls: [rpcUrl] }),
  registry: { chainId, registry },
  ...(publishes && { calls: credentialCalls('publish', '') }),
  key: { privateKey, address: addressOf(privateKey) },
  logger: pino({ level: 'silent' }),
  flushIntervalMs: 5,
  maxBatch: 10,
  pollIntervalMs: 50,
  maxBackoffMs: 200,
  onStage: (stage) => {
    if (stage === dieAt) process.kill(process.pid, 'SIGKILL')
  },
})
writer.start()
for (let i = 0; i < entries; i++) {
  const entry = newEntry()
  await commits.write(() => writer.add({ ...entry, recordBy: 0 }))
  process.stdout.write(`${entry.key} ${entry.digest}\n`)
  writer.notify()
  await new Promise((resolve) => setTimeout(resolve, 3))
}
const timer = setInterval(() => {
  const { pending, submitted } = writer.status()
  if (pending + submitted > 0) return
  clearInterval(timer)
  process.exit(0)
}, 20)
