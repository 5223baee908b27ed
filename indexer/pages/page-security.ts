import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { PAGES, PagePath } from './page-list.ts'

const SHARED = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

export const ASSET_HEADERS: Readonly<Record<string, string>> = SHARED

type Asks = (typeof PAGES)[PagePath]['asks']

/** Nodes that somebody names may be at any host, but not in clear text, save on the same computer. */
const SOURCES: Readonly<Record<Asks, readonly string[]>> = {
  server: ["'self'"],
  nobody: [],
  'any-node': ['https:', 'http://localhost:*', 'http://127.0.0.1:*'],
}

/**
 * What a page may do: run its own script, ask whom it has to, use the camera. Content of a record cannot become markup that runs, nor
 * leave for anywhere else.
 */
export function pageHeaders({ chains }: PaymentNetwork, asks: Asks): Record<string, string> {
  const nodes = new Set(chains.flatMap(({ rpcUrls }) => rpcUrls.map((url) => new URL(url).origin)))
  const sources = [...SOURCES[asks], ...nodes]
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    'img-src data:',
    'media-src blob:',
    `connect-src ${sources.length === 0 ? "'none'" : sources.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]
  return {
    'content-type': 'text/html; charset=utf-8',
    ...SHARED,
    'content-security-policy': policy.join('; '),
    'permissions-policy': 'camera=(self), microphone=(), geolocation=(), payment=(), usb=()',
    'cross-origin-opener-policy': 'same-origin',
    'x-frame-options': 'DENY',
  }
}
