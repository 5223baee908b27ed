import { createServer } from 'node:net'
import { expect } from 'chai'
import { configuredPorts, freePorts, requireFreePorts } from '../../scripts/network/ports.ts'
import { expectError, expectRejection } from '../support/expect-error.ts'

describe('ports of the local network', () => {
  it('are the documented ones, each changeable', () => {
    expect(configuredPorts(2, {})).to.deep.equal({
      lenders: 8545,
      insurers: 8546,
      indexer: 4000,
      proxy: 4010,
      taxOffice: 4030,
      evidence: 4040,
      providers: [4021, 4022],
    })
    expect(configuredPorts(2, { PROVIDER_PORT: '5000', PROXY_PORT: '1' })).to.deep.include({
      proxy: 1,
      providers: [5000, 5001],
    })
  })

  it('are refused when they are none', () => {
    for (const PROXY_PORT of ['', '0', 'x', '70000', '1.5'])
      expectError(() => configuredPorts(1, { PROXY_PORT }), 'CONFIGURATION_INVALID')
  })

  it('that are taken are named, before anything is touched', async () => {
    const ports = await freePorts(2)
    await requireFreePorts(ports)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(ports.providers[1], '127.0.0.1', resolve))
    try {
      const error = await expectRejection(requireFreePorts(ports), 'PORT_TAKEN')
      expect(error.message).to.contain(String(ports.providers[1]))
    } finally {
      server.close()
    }
  })
})
