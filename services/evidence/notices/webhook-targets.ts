import { lookup as lookUp } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { CountersignError } from '../../../protocol/errors.ts'

/** Every address that is not of the open internet, by RFC 6890 and its successors: this server reaches what its clients must not. */
const CLOSED_IPV4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
/** Within 2000::/3, outside of which nothing is global: ways into IPv4, benchmarks, documentation. */
const CLOSED_IPV6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]
const closed = new BlockList()
for (const [network, bits] of CLOSED_IPV4) closed.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of CLOSED_IPV6) closed.addSubnet(network, bits, 'ipv6')
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')

/** Of the open internet. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !closed.check(address, 'ipv4')
  return isIP(address) === 6 && global.check(address, 'ipv6') && !closed.check(address, 'ipv6')
}

/** What the operator lets webhooks be pointed at. */
export interface TargetPolicy {
  /** `host` or `host:port`, as URLs write them: any address behind them, http too. */
  hosts: readonly string[]
  /** Whether https to any other host is allowed whose addresses are of the open internet. */
  allowsPublic: boolean
}

/** @param text names separated by commas; `*` stands for the open internet */
export function parseTargetPolicy(text: string): TargetPolicy {
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  return {
    hosts: names.filter((name) => name !== '' && name !== '*'),
    allowsPublic: names.includes('*'),
  }
}

const isListed = ({ host, hostname }: URL, { hosts }: TargetPolicy): boolean =>
  hosts.includes(host.toLowerCase()) || hosts.includes(hostname.toLowerCase())

/**
 * A URL that a webhook may be pointed at, as far as its text says; names are held to their addresses when they are connected to.
 * @throws WEBHOOK_URL_INVALID
 */
export function checkTarget(text: string, policy: TargetPolicy): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw invalid('is no http or https URL without user name and password')
  if (isListed(url, policy)) return url
  if (!policy.allowsPublic) throw invalid('is not among the hosts that the operator allows')
  if (url.protocol !== 'https:') throw invalid('is not https')
  const address = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0 && !isPublicAddress(address)) throw invalid('is not of the open internet')
  return url
}

/** Resolves names to addresses of the open internet alone: what a name stands for may change after the webhook was set. */
export const lookUpPublic: LookupFunction = (hostname, options, done) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    const open = addresses?.filter(({ address }) => isPublicAddress(address)) ?? []
    if (error !== null) done(error, '')
    else if (open.length === 0)
      done(Object.assign(new Error('no public address'), { code: 'ENOTPUBLIC' }), '')
    else if (options.all) done(null, open)
    else done(null, open[0]!.address, open[0]!.family)
  })
}

/** Whether a connection to it has to be held to {@link lookUpPublic}. */
export const needsPublicAddress = (url: URL, policy: TargetPolicy): boolean => !isListed(url, policy)

const invalid = (reason: string): CountersignError =>
  new CountersignError('WEBHOOK_URL_INVALID', `body/url ${reason}`)
