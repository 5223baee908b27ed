import { Command } from 'commander'
import { isCountersignError, toProblem } from '../../protocol/errors.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { printJson, say } from './output.ts'

/** Exit codes as every script's help shows them. */
const EXIT_CODE_HELP = `
Exit codes: 0 consistent (or done), 1 error, 2 contradicted (changed, misreported, late, altered file), 3 not found (unrecorded, unconfirmed, erased).`

export const createCommand = (name: string, description: string): Command =>
  new Command(name).description(description).addHelpText('after', EXIT_CODE_HELP).showHelpAfterError()

/**
 * Runs a command to its exit code, once the module that calls this has been evaluated to its end.
 * An error is said in full: what, why, what to do; as a problem document with `--json`.
 */
export async function runCommand(command: Command, action: () => Promise<ExitCode>): Promise<void> {
  command.exitOverride()
  try {
    command.parse()
  } catch (error) {
    // Commander printed the help or its complaint already.
    process.exitCode = (error as { exitCode?: number }).exitCode === 0 ? 0 : EXIT.error
    return
  }
  await null
  try {
    process.exitCode = await action()
  } catch (error) {
    process.exitCode = EXIT.error
    report(error, command.opts().json === true)
  }
}

function report(error: unknown, json: boolean): void {
  if (!isCountersignError(error)) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return
  }
  if (json) printJson(toProblem(error))
  say(`${error.code}: ${error.message}\n${error.action}`)
}
