import { Command, CommanderError } from 'commander'
import { isCountersignError, toProblem } from '../../protocol/errors.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { printJson, say, survivePipeCut } from './output.ts'

const DONE_OR_ERROR = '0 done, 1 error'
/** Of commands that end in a verdict. */
export const VERDICT_EXIT_CODES = `0 consistent, 1 error, 2 contradicted (changed, misreported, late, suspended-author,
altered file), 3 not found (unrecorded, unconfirmed, erased)`

/** Where a script's key comes from. */
export const KEY_HELP =
  'COUNTERSIGN_PRIVATE_KEY, or from the encrypted keystore COUNTERSIGN_KEYSTORE_FILE with COUNTERSIGN_KEYSTORE_PASSWORD.'

/** @param exitCodes as the help shows them */
export const createCommand = (name: string, description: string, exitCodes = DONE_OR_ERROR): Command =>
  new Command(name)
    .description(description)
    .addHelpText('after', `\nExit codes: ${exitCodes}.`)
    .showHelpAfterError('Run it with --help to see what it takes.')

/**
 * Runs a command to its exit code, once the module that calls this has been evaluated to its end.
 * An error is said in full: what, why, what to do; as a problem document with `--json`.
 */
export async function runCommand(command: Command, action: () => Promise<ExitCode>): Promise<void> {
  survivePipeCut()
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
    // What `command.error` complains of is printed already.
    if (!(error instanceof CommanderError)) report(error, command.opts().json === true)
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
