import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { readLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { startAnvil } from '../../support/anvil.ts'
import { deployAll } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { startRpcRelay } from '../../support/rpc-relay.ts'
import { OFFICE_KEY, OFFICE_SECRET, OfficeProcess, paymentRequest } from './office-fixture.ts'
import { runScript, runUpload, writePaymentFile } from './upload-fixture.ts'

const TAG = 'PLANTED-PAYER-7731'

/** What stands behind `cs_<id>_`: base64url, which may have underscores itself. */
const secretOf = (apiKey: string): string => apiKey.slice('cs_0123456789abcdef_'.length)

/** Every form in which bytes are usually written down. */
const formsOf = (bytes: Buffer): string[] => [
  bytes.toString('hex'),
  bytes.toString('base64').replace(/=+$/, ''),
  bytes.toString('base64url'),
  bytes.toString('latin1'),
]

describe('what a tax office lets out', () => {
  it('is neither payer tag nor lookup code nor key: in no log, error, metric, database, report or request to the chain', async () => {
    const chain = await startAnvil()
    const relay = await startRpcRelay(chain.url)
    const contracts = await deployAll(chain.url)
    const office = new OfficeProcess(
      { chainId: chain.chainId, rpcUrl: relay.url, contracts },
      { LOG_LEVEL: 'trace' },
    )
    try {
      await office.start()
      const send = async (url: string, body: unknown) => {
        const response = await fetch(`${office.url}${url}`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${office.apiKey}`,
            'content-type': 'application/json',
            'idempotency-key': TAG,
          },
          body: JSON.stringify(body),
        })
        return response.text()
      }
      const answers = [
        await send('/v1/payments', paymentRequest({ payerTag: TAG })),
        await send('/v1/payments', paymentRequest({ payerTag: TAG, amountMinor: 1 })),
        await send('/v1/payments', paymentRequest({ payerTag: `${TAG}${'x'.repeat(64)}` })),
        await send('/v1/payments', paymentRequest({ currency: TAG, period: TAG, paidAt: TAG })),
        await send('/v1/payments', { ...paymentRequest(), [TAG]: TAG }),
        await send('/v1/payment-batches', {
          payments: [paymentRequest({ orderId: 'B', payerTag: TAG }), { payerTag: TAG }, TAG],
        }),
        await send('/v1/payment-batches', { payments: TAG }),
        await send(`/v1/payments`, `{"payerTag": "${TAG}`),
      ]
      const files = writePaymentFile(office.folder, 20, {
        visibility: 'sealed',
        extra: `BAD,${TAG},2025-01-01,${TAG}\nWORSE,1.00,${TAG},${TAG}\nTAG,1.00,2025-01-01,${TAG}\n`,
      })
      const upload = await runUpload(office, files).ended
      expect(JSON.parse(upload.stdout).files[0]).to.include({ added: 21, refused: 2 })
      const [slip] = await office.client.slips(['ORDER-1'])
      const code = Buffer.from(readLookupCode(slip!.lookupCode!))
      const reconciled = await runScript(office, 'reconcile', ['--json']).ended
      expect(reconciled.code, reconciled.stderr).to.equal(0)
      answers.push(
        JSON.stringify(
          (await office.client.order((await office.client.slips(['ORDER-1']))[0]!.orderKey!)).versions,
        ),
        await (await fetch(`${office.url}/metrics`)).text(),
        await (await fetch(`${office.url}/v1/payments/${TAG}`)).text(),
      )
      await eventually('all is final', async () => (await office.client.uploads()).final === 23)

      // The office's own address and route of a request are in nobody's hands: this one was sent by the test.
      const places: Record<string, string> = {
        answers: answers.join('\n'),
        log: office.output,
        uploader: upload.stdout + upload.stderr,
        reconciliation: reconciled.stdout + reconciled.stderr,
        'requests to the chain': JSON.stringify(relay.calls),
        blocks: JSON.stringify(await allBlocks(chain.request)),
      }
      // The file that was uploaded has payer tags, of course.
      for (const name of readdirSync(office.folder))
        if (!name.endsWith('.csv')) places[name] = readFileSync(path.join(office.folder, name), 'latin1')
      await office.end('SIGTERM')
      places['tax-office.db at the end'] = readFileSync(office.databaseFile, 'latin1')
      places['log at the end'] = office.output

      const secrets = {
        'payer tag': [TAG, ...formsOf(Buffer.from(TAG))],
        'lookup code': [
          slip!.lookupCode!,
          slip!.lookupCode!.replaceAll('-', ''),
          encodeURIComponent(slip!.lookupCode!),
          ...formsOf(code),
        ],
        'API key': [secretOf(office.apiKey)],
        'office secret': formsOf(Buffer.from(OFFICE_SECRET.slice(2), 'hex')),
        'private key': formsOf(Buffer.from(OFFICE_KEY.slice(2), 'hex')),
      }
      expect(Object.keys(places)).to.include.members(['tax-office.db', 'refused.jsonl'])
      expect(places.log!.length).to.be.greaterThan(1_000)
      for (const [place, text] of Object.entries(places))
        for (const [what, forms] of Object.entries(secrets))
          for (const form of forms)
            expect(text.toLowerCase().includes(form.toLowerCase()), `${what} in ${place}`).to.equal(false)
      // The search finds what is there.
      expect(places['tax-office.db at the end']).to.include('ORDER-1')
      expect(places['requests to the chain']).to.include('eth_sendRawTransaction')
    } finally {
      await office.remove()
      await relay.stop()
      await chain.kill()
    }
  }).timeout(60_000)
})

async function allBlocks(request: <T>(method: string, params?: unknown[]) => Promise<T>): Promise<unknown[]> {
  const head = Number(await request<string>('eth_blockNumber'))
  const blocks: unknown[] = []
  for (let number = 0; number <= head; number++)
    blocks.push(await request('eth_getBlockByNumber', [`0x${number.toString(16)}`, true]))
  return blocks
}
