import { checkRevocationReason } from '../protocol/credentials/revocation-reason.ts'
import { connectEvidence } from './cli/connection.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { credentialIdOf } from './evidence/named-credential.ts'

interface Options {
  reason: string
  json?: boolean
}

const command = createCommand(
  'revoke',
  'Has an evidence server revoke a credential of its own, for good; the reason goes on the chain, where everybody can read it for ever.\n' +
    'Which server: COUNTERSIGN_EVIDENCE_URL and COUNTERSIGN_EVIDENCE_API_KEY, or npm start.',
)
  .argument('<credential>', 'the credential file, or its id')
  .requiredOption('--reason <text>', 'why, in 1 to 256 bytes; nothing personal')
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const { reason, json } = command.opts<Options>()
  checkRevocationReason(reason)
  const credentialId = await credentialIdOf(command.args[0]!)
  const client = connectEvidence()
  try {
    const answer = await client.revoke(credentialId, reason)
    if (json) printJson(answer)
    else say(`${credentialId} is revoked; the revocation is on its way to the chain.`)
  } finally {
    await client.close()
  }
  return EXIT.consistent
})
