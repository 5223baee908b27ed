import { setTimeout as sleep } from 'node:timers/promises'
import { checkRevocationReason } from '../protocol/credentials/revocation-reason.ts'
import { wholeNumber } from './cli/arguments.ts'
import { connectEvidence } from './cli/connection.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { credentialIdOf } from './evidence/named-credential.ts'

const LOOK_EVERY_MS = 200

interface Options {
  reason: string
  wait: number
  json?: boolean
}

const command = createCommand(
  'revoke',
  'Has an evidence server revoke a credential of its own, for good; the reason goes on the chain, where everybody can read it for ever.\n' +
    'Which server: COUNTERSIGN_EVIDENCE_URL and COUNTERSIGN_EVIDENCE_API_KEY, or npm start.',
)
  .argument('<credential>', 'the credential file, or its id')
  .requiredOption('--reason <text>', 'why, in 1 to 256 bytes; nothing personal')
  .option(
    '--wait <seconds>',
    'wait so long until the chain has it for good, 0 to 86400',
    wholeNumber(0, 86_400),
    60,
  )
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const { reason, wait, json } = command.opts<Options>()
  checkRevocationReason(reason)
  const credentialId = await credentialIdOf(command.args[0]!)
  const client = connectEvidence()
  try {
    const answer = await client.revoke(credentialId, reason)
    let { state } = answer
    for (const deadline = Date.now() + wait * 1_000; state === 'pending' && Date.now() < deadline; ) {
      await sleep(LOOK_EVERY_MS)
      state = (await client.describe(credentialId)).revocation?.state ?? 'pending'
    }
    if (json) printJson({ ...answer, state })
    else
      say(
        state === 'recorded'
          ? `${credentialId} is revoked, on the chain for good.`
          : state === 'conflict'
            ? `${credentialId} is revoked; the chain has another reason than this one.`
            : `${credentialId} is revoked; the chain does not have it yet.`,
      )
  } finally {
    await client.close()
  }
  return EXIT.consistent
})
