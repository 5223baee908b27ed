import { createInterface } from 'node:readline/promises'
import { CountersignError } from '../protocol/errors.ts'
import { connectEvidence } from './cli/connection.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { credentialIdOf } from './evidence/named-credential.ts'

interface Options {
  yes?: boolean
  json?: boolean
}

const command = createCommand(
  'erase-evidence',
  'Has an evidence server destroy a document that it keeps, what it knows of it, and the share of its salt. The digest stays on the chain;\n' +
    'whoever has the credential still has hash and salt. Which server: COUNTERSIGN_EVIDENCE_URL and COUNTERSIGN_EVIDENCE_API_KEY, or npm start.',
)
  .argument('<credential>', 'the credential file, or its id')
  .option('--yes', 'do not ask')
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const { yes, json } = command.opts<Options>()
  const credentialId = await credentialIdOf(command.args[0]!)
  const client = connectEvidence()
  try {
    if (yes !== true) await confirm(`Destroy what ${client.url} keeps under ${credentialId}?`)
    const answer = await client.erase(credentialId)
    if (json) printJson(answer)
    else say(`${credentialId} is erased.`)
  } finally {
    await client.close()
  }
  return EXIT.consistent
})

async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new CountersignError('ERASURE_NOT_CONFIRMED', 'nobody can be asked here whether to erase it')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} (yes/no) `).finally(() => terminal.close())
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new CountersignError('ERASURE_NOT_CONFIRMED', 'nothing was erased')
}
