import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'

export interface PageHtmlOptions {
  title: string
  /** Paths of the page's script and style sheet. */
  script: string
  style: string
  /** What the page is told, see `web/settings.ts`. */
  settings: { network: PaymentNetwork }
}

/** A page before its script fills it. Its language is set there; without a script nothing could be opened or checked. */
export const pageHtml = ({ title, script, style, settings }: PageHtmlOptions): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
<script type="application/json" id="settings">${scriptJson(settings)}</script>
<script type="module" src="${script}"></script>
</head>
<body>
<div id="page"></div>
<noscript><p>This page opens and checks records in your browser and needs JavaScript.</p><p lang="zh-CN">本页面在您的浏览器中打开并核验记录，需要启用 JavaScript。</p></noscript>
</body>
</html>
`

/** JSON that no parser of HTML takes for the end of its element. */
const scriptJson = (value: unknown): string => JSON.stringify(value).replace(/</g, '\\u003c')
