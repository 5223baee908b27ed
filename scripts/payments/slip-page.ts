import QRCode from 'qrcode'
import type { Slip } from '../cli/tax-office-client.ts'

/** A slip that has all a payer needs. */
export type CompleteSlip = Required<Omit<Slip, 'code'>>

export const isComplete = (slip: Slip): slip is CompleteSlip =>
  slip.url !== undefined && slip.lookupCode !== undefined && slip.orderKey !== undefined

/** As a terminal shows it: order, code, QR code of the page that opens the record. */
export async function slipText({ orderId, lookupCode, url }: CompleteSlip): Promise<string> {
  const code = await QRCode.toString(url, { type: 'terminal', small: true, errorCorrectionLevel: 'M' })
  return `Order        ${orderId}\nLookup code  ${lookupCode}\n\n${code}`
}

/** The QR code as an SVG document. */
export const slipSvg = ({ url }: CompleteSlip): Promise<string> =>
  QRCode.toString(url, { type: 'svg', margin: 2, errorCorrectionLevel: 'M' })

/** One HTML page with a slip to cut out for each order; it loads nothing and prints on A4 and Letter, two columns. */
export async function slipPage(slips: readonly CompleteSlip[]): Promise<string> {
  const parts = await Promise.all(slips.map(section))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<title>Payment slips</title>
<style>
  @page { margin: 12mm }
  body { font: 11pt/1.4 system-ui, sans-serif; color: #000; background: #fff; margin: 0 }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(80mm, 1fr)); gap: 6mm }
  section { border: 1px dashed #666; padding: 5mm; break-inside: avoid }
  h2 { font-size: 10pt; margin: 0; font-weight: 600 }
  p { margin: 0 0 2mm; overflow-wrap: anywhere }
  .code { font: 12pt/1.5 ui-monospace, monospace; letter-spacing: 0.03em }
  .note { font-size: 9pt; margin: 2mm 0 0 }
  svg { width: 45mm; height: 45mm; display: block }
</style>
</head>
<body>
<main>
${parts.join('\n')}
</main>
</body>
</html>
`
}

async function section(slip: CompleteSlip): Promise<string> {
  const { orderId, lookupCode, url } = slip
  const page = new URL(url)
  return `<section>
<h2>Order</h2><p>${escaped(orderId)}</p>
<h2>Lookup code</h2><p class="code">${escaped(lookupCode)}</p>
<div role="img" aria-label="QR code that opens this payment record">${await slipSvg(slip)}</div>
<p class="note">Scan, or type both at ${escaped(page.origin + page.pathname)}. Whoever has this slip can read the record.</p>
</section>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
