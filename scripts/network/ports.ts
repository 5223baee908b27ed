import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { CountersignError } from '../../protocol/errors.ts'

export interface NetworkPorts {
  lenders: number
  insurers: number
  indexer: number
  proxy: number
  taxOffice: number
  evidence: number
  /** The first provider's; the others follow. */
  providers: number[]
}

/** The documented ports, each changeable by its environment variable. */
export function configuredPorts(providerCount: number, env: NodeJS.ProcessEnv = process.env): NetworkPorts {
  const first = portOf(env, 'PROVIDER_PORT', 4021)
  return {
    lenders: portOf(env, 'LENDERS_CHAIN_PORT', 8545),
    insurers: portOf(env, 'INSURERS_CHAIN_PORT', 8546),
    indexer: portOf(env, 'INDEXER_PORT', 4000),
    proxy: portOf(env, 'PROXY_PORT', 4010),
    taxOffice: portOf(env, 'TAX_OFFICE_PORT', 4030),
    evidence: portOf(env, 'EVIDENCE_PORT', 4040),
    providers: Array.from({ length: providerCount }, (_, i) => first + i),
  }
}

/** Below those that systems hand out by themselves (Linux from 32,768 on): nobody is given one before its server listens, or while it restarts. */
const FREE_FROM = 11_000
const FREE_TO = 32_000
const MAX_ATTEMPTS = 1_000

/**
 * Ports that nobody listens on, so that a demonstration or a test disturbs nothing that runs.
 * @throws PORT_TAKEN where there are too few
 */
export async function freePorts(providerCount: number): Promise<NetworkPorts> {
  const ports: number[] = []
  for (let attempt = 0; ports.length < providerCount + 6; attempt++) {
    if (attempt === MAX_ATTEMPTS)
      throw new CountersignError('PORT_TAKEN', `few ports from ${FREE_FROM} to ${FREE_TO} are free`)
    const port = randomInt(FREE_FROM, FREE_TO)
    if (!ports.includes(port) && (await isFree(port))) ports.push(port)
  }
  const [lenders, insurers, indexer, proxy, taxOffice, evidence, ...providers] = ports as [
    number,
    number,
    number,
    number,
    number,
    number,
    ...number[],
  ]
  return { lenders, insurers, indexer, proxy, taxOffice, evidence, providers }
}

/** @throws PORT_TAKEN naming every port that somebody listens on */
export async function requireFreePorts({ providers, ...ports }: NetworkPorts): Promise<void> {
  const taken: number[] = []
  for (const port of [...Object.values(ports), ...providers]) if (!(await isFree(port))) taken.push(port)
  if (taken.length > 0) throw new CountersignError('PORT_TAKEN', `somebody listens on ${taken.join(', ')}`)
}

function portOf(env: NodeJS.ProcessEnv, name: string, standard: number): number {
  const port = Number(env[name] ?? standard)
  if (!Number.isInteger(port) || port < 1 || port > 65_000)
    throw new CountersignError('CONFIGURATION_INVALID', `${name} is not a port between 1 and 65000`)
  return port
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
