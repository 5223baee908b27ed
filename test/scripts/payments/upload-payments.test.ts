import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { type Neighbourhood, settleOffice } from '../../services/tax-office/office-fixture.ts'
import { type PaymentFiles, runScript, runUpload } from '../../services/tax-office/upload-fixture.ts'

describe('upload-payments', () => {
  let home: Neighbourhood

  beforeEach(async () => {
    home = await settleOffice()
    await home.office.start()
  })
  afterEach(() => home.end())

  const write = (lines: readonly string[], mapping: Record<string, unknown>): PaymentFiles => {
    const files = { file: 'payments.csv', mapping: 'mapping.json' }
    const at = (name: string) => path.join(home.office.folder, name)
    writeFileSync(at(files.file), `${lines.join('\n')}\n`)
    writeFileSync(
      at(files.mapping),
      JSON.stringify({
        visibility: { constant: 'sealed' },
        amount: { column: 'amount', decimal: '.', negative: 'refuse' },
        currency: { constant: 'EUR' },
        paidAt: { constant: '2025-01-31' },
        category: { constant: 'income-tax' },
        authority: { constant: 'Tax Office North' },
        ...mapping,
      }),
    )
    return { file: at(files.file), mapping: at(files.mapping) }
  }
  const upload = async (files: PaymentFiles, ...more: string[]) => {
    const { code, stdout, stderr } = await runUpload(home.office, files, ...more).ended
    expect(stdout, stderr).to.not.equal('')
    return { code, file: JSON.parse(stdout).files[0], stderr }
  }
  const refused = (): [number, string][] =>
    readFileSync(path.join(home.office.folder, 'refused.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ line, code }) => [line, code])

  it('sends nothing of a file whose order ids may shift, unless told to', async () => {
    const mapping = { orderId: { template: '{bill}-{line}', patterns: { bill: '[A-Z]\\d' } } }
    const lines = ['bill,amount', 'B1,1.00', 'B-1,2.00', 'B1,x', 'B1,4.00']
    const held = await upload(write(lines, mapping))
    expect(held.code).to.equal(1)
    expect(held.file).to.deep.include({ rows: 4, added: 0, refused: 2, heldBack: true })
    expect(refused()).to.deep.equal([
      [3, 'ORDER_ID_PART_DAMAGED'],
      [4, 'AMOUNT_UNREADABLE'],
    ])
    expect((await home.office.client.uploads()).payments).to.equal(0)

    const sent = await upload(write(lines, mapping), '--allow-shifting-ids')
    expect(sent.code).to.equal(0)
    expect(sent.file).to.deep.include({ rows: 4, added: 2, refused: 2, heldBack: false })
    // The one that is refused for its amount alone has its place.
    const mended = await upload(write(lines.toSpliced(2, 1), mapping))
    expect(mended.code).to.equal(0)
    expect(mended.file).to.deep.include({ rows: 3, known: 2, refused: 1, heldBack: false })
  })

  it('hands in corrections, refunds and reversals that name what they follow', async () => {
    const mapping = {
      orderId: { template: '{bill}' },
      kind: {
        column: 'what',
        values: { Paid: 'payment', Fix: 'correction', Back: 'refund', Void: 'reversal' },
      },
      follows: { column: 'after' },
    }
    const lines = ['bill,amount,what,after', 'A,5.00,Paid,', 'A,4.00,Fix,1', 'A,1.00,Back,2', 'A,3.00,Void,3']
    const files = write(lines, mapping)
    expect((await upload(files)).file).to.deep.include({ added: 4, refused: 0 })
    const { versions } = await home.office.client.order(orderKeyOf('A'))
    expect(versions.map(({ version, kind, state }) => `${version} ${kind} ${state}`)).to.deep.equal([
      '1 payment final',
      '2 correction final',
      '3 refund final',
      '4 reversal final',
    ])
    expect((await upload(files)).file).to.deep.include({ added: 0, known: 4, refused: 0 })
    const named = ['--file', files.file, '--mapping', files.mapping]
    expect((await runScript(home.office, 'reconcile', named).ended).code).to.equal(0)
    const other = write([...lines, 'A,2.00,Fix,5'], mapping)
    expect((await upload(other)).file).to.deep.include({ known: 4, refused: 1 })
    expect(refused()).to.deep.equal([[6, 'PAYMENT_VERSION_SKIPPED']])
  })
})
