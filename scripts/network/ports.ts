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

/** Ports that nobody listens on, so that a demonstration or a test disturbs nothing that runs. */
export async function freePorts(providerCount: number): Promise<NetworkPorts> {
  const servers = await Promise.all(Array.from({ length: providerCount + 6 }, () => listen(0)))
  const ports = servers.map(({ port }) => port)
  await Promise.all(servers.map(({ close }) => close()))
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
  for (const port of [...Object.values(ports), ...providers])
    await listen(port).then(
      ({ close }) => close(),
      () => taken.push(port),
    )
  if (taken.length > 0) throw new CountersignError('PORT_TAKEN', `somebody listens on ${taken.join(', ')}`)
}

function portOf(env: NodeJS.ProcessEnv, name: string, standard: number): number {
  const port = Number(env[name] ?? standard)
  if (!Number.isInteger(port) || port < 1 || port > 65_000)
    throw new CountersignError('CONFIGURATION_INVALID', `${name} is not a port between 1 and 65000`)
  return port
}

async function listen(wanted: number): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(wanted, '127.0.0.1', resolve)
  })
  const { port } = server.address() as { port: number }
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) }
}
