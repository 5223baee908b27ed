/**
 * Pages by their path. `asks` tells whom a page may ask, beside the nodes that are named to it: this server; nobody, so that a verification
 * cannot stand on what this server says; or any node that somebody names.
 */
export const PAGES = {
  '/pay': { entry: 'pay', title: 'Look up a payment · 缴费查询', asks: 'server' },
  '/pay/verify': { entry: 'verify', title: 'Verify a payment voucher · 核验缴费凭证', asks: 'nobody' },
  '/pay/verify/own-nodes': {
    entry: 'verify',
    title: 'Verify a payment voucher · 核验缴费凭证',
    asks: 'any-node',
  },
} as const
export type PagePath = keyof typeof PAGES
