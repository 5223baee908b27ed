import { Command, InvalidArgumentError } from 'commander'

export interface Options {
  config?: string
  reset?: boolean
  chain?: number
  yes?: boolean
}

/** Ends the process itself on `--help` (0) and on options it does not know (1). */
export function readOptions(argv: readonly string[]): Options {
  const command = new Command('indexer')
    .description('Follows the chains of the address book, and answers what is recorded on them.')
    .option(
      '--config <file>',
      'JSON file of settings; INDEXER_CONFIG names another. Variables of the environment win',
    )
    .option(
      '--reset',
      'drop what the index has and end, instead of starting; what is on chain can be indexed again',
    )
    .option('--chain <id>', 'with --reset: of this chain only', chainId)
    .option('--yes', 'with --reset: do not ask')
    .addHelpText(
      'after',
      '\nSettings and their variables are in .env.example.\nExit codes: 0 ended in order; 1 cannot start, or failed; 128 + n cut short by signal n.',
    )
    .allowExcessArguments(false)
    .parse(argv, { from: 'user' })
  const options = command.opts<Options>()
  if (options.reset !== true && (options.chain !== undefined || options.yes !== undefined))
    command.error('error: --chain and --yes go with --reset')
  return options
}

function chainId(text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (value < 1) throw new InvalidArgumentError('It has to be a chain id.')
  return value
}
