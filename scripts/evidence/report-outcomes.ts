import type { Check } from '../../protocol/verification.ts'
import { type ExitCode, worstExitCode } from '../cli/exit-code.ts'
import { printChecks, printJson, printTable, say, visible } from '../cli/output.ts'
import { type CredentialOutcome, exitCodeOfOutcome, SCOPES } from './credential-outcome.ts'

/** Rows that a table shows; JSON has all. */
const MAX_SHOWN = 200

/** Prints what came of one credential, step by step. */
export function reportOutcome(outcome: CredentialOutcome, json: boolean): ExitCode {
  const { checks, error, verdict, file, scope } = outcome
  if (json) printJson(documentOf(outcome))
  else if (error !== undefined && verdict === 'refused')
    say(`REFUSED: ${error.message} (${error.code})\n${error.action}`)
  else {
    printChecks(checks)
    process.stdout.write(`${sentenceOf(outcome)} (${SCOPES[scope]})\n`)
    if (error !== undefined) say(`${file}: ${error.code}: ${error.message}\n${error.action}`)
  }
  return exitCodeOfOutcome(outcome)
}

function sentenceOf({ credentialId, name, verdict, rule, reason }: CredentialOutcome): string {
  const subject = `credential ${credentialId}${name === null ? '' : ` of ${visible(name)}`}`
  if (verdict === 'refused') return `REFUSED: ${subject} does not prove what it says: ${rule}`
  return `${subject}: ${verdict}, ${rule}${reason === undefined ? '' : `: ${visible(reason)}`}`
}

/** Prints what came of many, one row each, and how often each verdict was found. */
export function reportOutcomes(outcomes: readonly CredentialOutcome[], json: boolean): ExitCode {
  const counts = new Map<string, number>()
  for (const { verdict } of outcomes) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  if (json)
    printJson({
      credentials: outcomes.map(documentOf),
      verdicts: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    })
  else {
    // What needs a look stands first where not all can be shown.
    const shown = outcomes.length > MAX_SHOWN ? worstFirst(outcomes).slice(0, MAX_SHOWN) : outcomes
    if (shown.length > 0)
      printTable(
        ['credential', 'document', 'verdict', 'because'],
        shown.map(({ file, credentialId, name, verdict, rule, reason }) => [
          credentialId ?? visible(file),
          visible(name ?? ''),
          verdict,
          reason === undefined ? rule : visible(`${rule}: ${reason}`),
        ]),
      )
    if (outcomes.length > shown.length) say(`… and ${outcomes.length - shown.length} more`)
    const scopes = [...new Set(outcomes.map(({ scope }) => SCOPES[scope]))].join('; ')
    const found = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')
    process.stdout.write(outcomes.length === 0 ? 'There is no credential there.\n' : `${found} (${scopes})\n`)
  }
  return worstExitCode(outcomes.map(exitCodeOfOutcome))
}

const worstFirst = (outcomes: readonly CredentialOutcome[]): CredentialOutcome[] =>
  [...outcomes].sort((a, b) => weightOf(b) - weightOf(a))

const weightOf = ({ verdict }: CredentialOutcome): number =>
  verdict === 'intact' || verdict === 'recorded' ? 0 : 1

function documentOf({ error, ...outcome }: CredentialOutcome): Record<string, unknown> {
  const { verdict } = outcome
  return {
    ...{ valid: verdict !== 'refused' && verdict !== 'error', kind: 'credential', ...outcome },
    checks: outcome.checks.map(({ name, outcome, detail }: Check) => ({ name, outcome, detail })),
    ...(error !== undefined && { code: error.code, reason: error.message }),
  }
}
