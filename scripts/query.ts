import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Option } from 'commander'
import { serializeReceipt } from '../protocol/receipt.ts'
import { connectProxy } from './cli/connection.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, printTable, say } from './cli/output.ts'
import type { QueryAnswer, QueryRequest } from './cli/proxy-client.ts'
import { createCommand, runCommand } from './cli/run.ts'

interface Options {
  parameter: string[]
  provider?: string[]
  disclosure: 'result' | 'digest'
  save?: string
  json?: boolean
}

const command = createCommand(
  'query',
  'Asks every provider of a query type through the proxy. Each records the digest of its answer on its chain.\n' +
    'The proxy is that of COUNTERSIGN_PROXY_URL with the key in COUNTERSIGN_API_KEY, or else the one npm start runs.',
  '0 somebody answered, 1 nobody did, or another error',
)
  .argument('<type>', 'query type, e.g. loan')
  .argument('<subject>', 'whom or what it is about, e.g. a loan number')
  .addOption(
    new Option(
      '--parameter <name=value...>',
      'parameters of the query type; a value that reads as JSON is taken as such',
    ).default([], 'none'),
  )
  .option('--provider <address...>', 'ask only these providers')
  .addOption(
    new Option('--disclosure <what>', 'let the proxy have the results, or only their digests')
      .choices(['result', 'digest'])
      .default('result'),
  )
  .option('--save <folder>', 'write each answer as a receipt file into this folder')
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  const [type, subject] = command.args as [string, string]
  const request: QueryRequest = {
    type,
    subject,
    disclosure: options.disclosure,
    ...(options.parameter.length > 0 && {
      parameters: Object.fromEntries(options.parameter.map(toParameter)),
    }),
    ...(options.provider && { providers: options.provider }),
  }
  const reply = await connectProxy().query(request)
  if (options.save !== undefined) await saveReceipts(options.save, reply.serial, reply.answers)
  if (options.json) printJson(reply)
  else {
    say(`serial ${reply.serial}`)
    printTable(['provider', 'address', 'outcome', 'answer'], reply.answers.map(toRow))
  }
  return reply.answers.some(({ outcome }) => outcome === 'answered') ? EXIT.consistent : EXIT.error
})

function toParameter(text: string): [string, unknown] {
  const split = text.indexOf('=')
  if (split < 1) command.error(`error: --parameter takes name=value, not '${text}'`)
  const value = text.slice(split + 1)
  try {
    return [text.slice(0, split), JSON.parse(value)]
  } catch {
    return [text.slice(0, split), value]
  }
}

const toRow = ({ name, provider, outcome, receipt, error }: QueryAnswer): string[] => [
  name,
  provider,
  outcome,
  receipt === undefined
    ? (error?.detail ?? '')
    : receipt.disclosure === 'digest'
      ? receipt.digest
      : toLines(receipt.result),
]

const toLines = (result: unknown): string =>
  Object.entries(result as object)
    .filter(([name]) => name !== 'serial' && name !== 'type')
    .map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join('\n')

async function saveReceipts(folder: string, serial: string, answers: QueryAnswer[]): Promise<void> {
  for (const { receipt, provider } of answers) {
    if (receipt === undefined) continue
    const file = path.join(folder, `${serial}-${provider}.receipt.json`)
    await writeFile(file, serializeReceipt(receipt))
    say(`wrote ${file}`)
  }
}
