/**
 * Pages by their path. `asks` tells whom a page may ask, beside the nodes that are named to it: this server; nobody, so that a verification
 * cannot stand on what this server says; or any node that somebody names. `of` tells which registries it is told of.
 */
export const PAGES = {
  '/pay': { entry: 'pay', title: 'Look up a payment · 缴费查询', asks: 'server', of: 'payments' },
  '/pay/verify': {
    entry: 'verify',
    title: 'Verify a payment voucher · 核验缴费凭证',
    asks: 'nobody',
    of: 'payments',
  },
  '/pay/verify/own-nodes': {
    entry: 'verify',
    title: 'Verify a payment voucher · 核验缴费凭证',
    asks: 'any-node',
    of: 'payments',
  },
  '/verify': {
    entry: 'evidence',
    title: 'Verify a file and its credential · 核验文件及其凭证',
    asks: 'nobody',
    of: 'credentials',
  },
  '/verify/own-nodes': {
    entry: 'evidence',
    title: 'Verify a file and its credential · 核验文件及其凭证',
    asks: 'any-node',
    of: 'credentials',
  },
} as const
export type PagePath = keyof typeof PAGES
