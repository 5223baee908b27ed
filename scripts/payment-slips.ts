import { readFileSync } from 'node:fs'
import path from 'node:path'
import { CountersignError } from '../protocol/errors.ts'
import { connectTaxOffice } from './cli/connection.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import type { Slip } from './cli/tax-office-client.ts'
import { writePrivateFile } from './payments/private-file.ts'
import { type CompleteSlip, isComplete, slipPage, slipSvg, slipText } from './payments/slip-page.ts'

/** In one request. */
const SLIPS_AT_ONCE = 500

const command = createCommand(
  'payment-slips',
  'Prints the slips of orders: order id, lookup code, and a QR code that opens the record. Whoever has a slip can read the record.\n' +
    'Which office: COUNTERSIGN_TAX_OFFICE_URL and COUNTERSIGN_TAX_OFFICE_API_KEY (with the scope slips), or npm start.',
  '0 done, 1 error, 3 an order is not known',
)
  .option('--order <id...>', 'order ids')
  .option('--orders <file>', 'a file with one order id in a line, UTF-8')
  .option('--html <file>', 'write one page with all slips, to be printed')
  .option('--svg <folder>', 'write the QR codes there, named by order key')
  .option('--json', 'print one JSON document')

interface Options {
  order?: string[]
  orders?: string
  html?: string
  svg?: string
  json?: boolean
}

void runCommand(command, async () => {
  const { order = [], orders, html, svg, json } = command.opts<Options>()
  const orderIds = [...order, ...(orders === undefined ? [] : linesOf(orders))]
  if (orderIds.length === 0) command.error('error: no orders; give --order or --orders')
  const client = connectTaxOffice()
  const slips: Slip[] = []
  for (let i = 0; i < orderIds.length; i += SLIPS_AT_ONCE)
    slips.push(...(await client.slips(orderIds.slice(i, i + SLIPS_AT_ONCE))))
  const complete = slips.filter(isComplete)
  // The files hold lookup codes: they are nobody else's to read.
  if (html !== undefined) writePrivateFile(html, await slipPage(complete))
  if (svg !== undefined)
    for (const slip of complete) writePrivateFile(path.join(svg, `${slip.orderKey}.svg`), await slipSvg(slip))
  if (json) printJson({ slips })
  else if (html === undefined && svg === undefined) await print(complete)
  for (const { orderId, code } of slips) if (code !== undefined) say(`${orderId}: ${code}`)
  return complete.length === slips.length ? EXIT.consistent : EXIT.notFound
})

async function print(slips: readonly CompleteSlip[]): Promise<void> {
  for (const slip of slips) process.stdout.write(`${await slipText(slip)}\n`)
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${file} cannot be read`, { cause })
  }
}
