import QRCode from 'qrcode'
import type { Slip } from '../cli/tax-office-client.ts'

/** A slip that has all a payer needs. */
export type CompleteSlip = Required<Omit<Slip, 'code'>>

export const isComplete = (slip: Slip): slip is CompleteSlip =>
  slip.url !== undefined && slip.lookupCode !== undefined && slip.orderKey !== undefined

/** As a terminal shows it, in Chinese and English: order, code, QR code of the page that opens the record. */
export async function slipText({ orderId, lookupCode, url }: CompleteSlip): Promise<string> {
  const code = await QRCode.toString(url, { type: 'terminal', small: true, errorCorrectionLevel: 'M' })
  return `订单号 Order         ${orderId}\n查询码 Lookup code   ${lookupCode}\n\n${code}`
}

/** The QR code as an SVG document. */
export const slipSvg = ({ url }: CompleteSlip): Promise<string> =>
  QRCode.toString(url, { type: 'svg', margin: 2, errorCorrectionLevel: 'M' })

/** One HTML page with a slip in Chinese and English to cut out for each order; it loads nothing and prints on A4 and Letter, two columns. */
export async function slipPage(slips: readonly CompleteSlip[]): Promise<string> {
  const parts = await Promise.all(slips.map(section))
  return `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<title>缴费单 Payment slips</title>
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
  const address = escaped(page.origin + page.pathname)
  return `<section>
<h2>订单号 <span lang="en">Order id</span></h2><p><bdi>${escaped(orderId)}</bdi></p>
<h2>查询码 <span lang="en">Lookup code</span></h2><p class="code">${escaped(lookupCode)}</p>
<div role="img" aria-label="打开此缴费记录的二维码 QR code that opens this payment record">${await slipSvg(slip)}</div>
<p class="note">请扫描二维码，或在 ${address} 输入以上两项。持有本单者即可查看该记录，请妥善保管。</p>
<p class="note" lang="en">Scan, or type both at ${address}. Whoever has this slip can read the record.</p>
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
