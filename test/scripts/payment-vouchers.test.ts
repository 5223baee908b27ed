import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { formatLookupCode, newLookupCode } from '../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { sealPayment } from '../../protocol/payments/payment-seal.ts'
import { decodeVoucher } from '../../protocol/payments/payment-voucher.ts'
import { readCarried } from '../../web/fragment.ts'
import type { OrderAnswer } from '../../web/order/order-answer.ts'
import { addressBookOf, caughtUp, testChain } from '../support/indexer.ts'
import { somePayment } from '../support/payment-writer.ts'
import { readPaper } from '../web/paper.ts'
import { OFFICE_NAME, ORDER_ID, openTerminal, PAYER_TAG, type Terminal } from '../web/payer-terminal.ts'

describe('payments by script', function () {
  this.timeout(60_000)
  let terminal: Terminal
  let folder: string
  before(async () => {
    terminal = await openTerminal()
    folder = mkdtempSync(join(tmpdir(), 'vouchers-'))
    const book = addressBookOf([testChain(terminal.chain, terminal.contracts)])
    writeFileSync(join(folder, 'book.json'), JSON.stringify(book))
    writeFileSync(join(folder, 'code'), `${terminal.lookupCode}\n`)
  })
  after(async () => {
    await terminal?.close()
    if (folder) rmSync(folder, { recursive: true })
  })

  interface Ended {
    code: number | null
    out: string
    talk: string
  }
  function run(
    script: string,
    args: string[],
    input = '',
    indexerUrl = terminal.indexer.url,
  ): Promise<Ended> {
    const common = ['--indexer', indexerUrl, '--address-book', join(folder, 'book.json')]
    const child = spawn(process.execPath, [`scripts/${script}.ts`, ...common, ...args])
    const ended = { out: '', talk: '' }
    child.stdout.on('data', (chunk) => {
      ended.out += chunk
    })
    child.stderr.on('data', (chunk) => {
      ended.talk += chunk
    })
    child.stdin.end(input)
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...ended })))
  }

  /** Runs a script against an indexer that says something else than it has. */
  async function runLiedTo(
    script: string,
    args: string[],
    change: (answer: OrderAnswer) => void,
  ): Promise<Ended> {
    const server = createServer(async ({ url }, response) => {
      const answer = (await (await fetch(`${terminal.indexer.url}${url}`)).json()) as OrderAnswer
      change(answer)
      response.end(JSON.stringify(answer))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    try {
      const { port } = server.address() as AddressInfo
      return await run(script, args, terminal.lookupCode, `http://127.0.0.1:${port}`)
    } finally {
      server.close()
      server.closeAllConnections()
    }
  }
  const withholdNewest = ({ histories }: OrderAnswer) => void histories[0]!.versions.pop()

  /** An order whose second version does not open with the code of the first. */
  async function recordClosed(orderId: string): Promise<void> {
    const [first] = await terminal.writer.record([somePayment({ orderId })], 'sealed')
    const record = somePayment({ orderId, version: 2, kind: 'correction' })
    const second = sealPayment(record, newLookupCode(), terminal.writer.place, first!.digest)
    await terminal.writer.recordRaw({ orderKey: orderKeyOf(orderId), version: 2, ...second })
    await caughtUp(terminal.indexer, terminal.chain)
  }

  describe('lookup-payment', () => {
    it('lists every version, opened with the code from standard input and held against the chain', async () => {
      const { code, out } = await run(
        'lookup-payment',
        ['--order', ORDER_ID, '--code-stdin'],
        terminal.lookupCode,
      )
      expect(code, out).to.equal(0)
      for (const text of [
        OFFICE_NAME,
        '12345.67 CNY',
        '345.67 CNY',
        'counts now: 11654.33 CNY',
        'superseded',
      ])
        expect(out).to.include(text)
    })

    it('gives the same as one JSON document', async () => {
      const { code, out } = await run('lookup-payment', [
        '--order',
        ORDER_ID,
        '--code-file',
        join(folder, 'code'),
        '--json',
      ])
      expect(code).to.equal(0)
      const { histories } = JSON.parse(out)
      expect(histories[0].net).to.deep.equal({ amountMinor: 11_654_33, currency: 'CNY' })
      expect(histories[0].versions.map((version: { verdict: string }) => version.verdict)).to.deep.equal([
        'superseded',
        'superseded',
        'consistent',
      ])
      expect(histories[0].versions[0].record.payerTag).to.equal(PAYER_TAG)
    })

    it('lists what is sealed unread without a code, and reads what is public', async () => {
      const sealed = await run('lookup-payment', ['--order', ORDER_ID])
      expect([sealed.code, sealed.out.includes('sealed'), sealed.out.includes('CNY')]).to.deep.equal([
        0,
        true,
        false,
      ])
      const open = await run('lookup-payment', ['--order', 'PUBLIC-1'])
      expect([open.code, open.out.includes('1.50 GBP')]).to.deep.equal([0, true])
    })

    it('ends with 3 and the heads when nothing is recorded', async () => {
      const { code, out, talk } = await run('lookup-payment', ['--order', 'NOTHING'])
      expect([code, out.includes(OFFICE_NAME)], talk).to.deep.equal([3, true])
      expect(talk).to.include('A node of the chain was asked, too')
    })

    it('ends with 2, and tells no amount, when the newest version is withheld or said not to count', async () => {
      const args = ['--order', ORDER_ID, '--code-stdin']
      const withheld = await runLiedTo('lookup-payment', args, withholdNewest)
      expect(withheld.code, withheld.talk).to.equal(2)
      expect(withheld.out).to.include('12345.67 CNY').and.not.include('counts now')
      expect(withheld.out).to.include('The registry on the chain holds a later version')
      const repeated = await runLiedTo('lookup-payment', [...args, '--json'], ({ histories }) => {
        histories[0]!.versions.at(-1)!.repeated = true
      })
      expect([repeated.code, JSON.parse(repeated.out).histories[0].net]).to.deep.equal([2, null])
    })

    it('says that there is more than was shown', async () => {
      const args = ['--order', 'PUBLIC-1', '--json']
      const { code, out, talk } = await runLiedTo('lookup-payment', args, (answer) => {
        answer.truncated = true
      })
      const { truncated, histories } = JSON.parse(out)
      expect([code, truncated, histories[0].net]).to.deep.equal([0, true, null])
      expect(talk).to.include('There are more versions')
      // Of an office that shows all when it is asked for alone, only others' are left out.
      let count = 0
      const own = await runLiedTo('lookup-payment', args, (answer) => {
        answer.truncated = count++ === 0
      })
      expect(JSON.parse(own.out).histories[0].net).to.deep.equal({ amountMinor: 1_50, currency: 'GBP' })
    })

    it('asks no node about records of strangers, which count as contradicted', async () => {
      const { code, out } = await runLiedTo(
        'lookup-payment',
        ['--order', 'PUBLIC-1', '--json', '--rpc', 'http://127.0.0.1:1'],
        ({ histories }) => {
          histories[0]!.registered = false
        },
      )
      expect([code, JSON.parse(out).histories[0].versions[0].verdict]).to.deep.equal([2, 'unknown-office'])
    })

    it('ends with 1 when the newest version does not open with the code of the others', async () => {
      await recordClosed('CLOSED-1')
      const args = ['--order', 'CLOSED-1', '--code-stdin']
      const { code, out, talk } = await run('lookup-payment', args, terminal.lookupCode)
      expect([code, talk.includes('PAYMENT_NOT_OPENED'), out.includes('counts now')]).to.deep.equal([
        1,
        true,
        false,
      ])
    })

    it('ends with 1 for a code that opens nothing, is mistyped, or stands on the command line', async () => {
      const ask = (args: string[], input?: string) =>
        run('lookup-payment', ['--order', ORDER_ID, ...args], input)
      const wrong = await ask(['--code-stdin'], formatLookupCode(newLookupCode()))
      expect([wrong.code, wrong.talk.includes('PAYMENT_NOT_OPENED')]).to.deep.equal([1, true])
      const mistyped = await ask(['--code-stdin'], '0000')
      expect([mistyped.code, mistyped.talk.includes('LOOKUP_CODE_MISTYPED')]).to.deep.equal([1, true])
      expect((await ask(['--code', terminal.lookupCode])).code).to.equal(1)
    })

    it('ends with 1 when no node answers: that says nothing against the record', async () => {
      const { code, talk } = await run('lookup-payment', [
        '--order',
        'PUBLIC-1',
        '--rpc',
        'http://127.0.0.1:1',
      ])
      expect([code, talk.includes('CHAIN_UNREACHABLE')]).to.deep.equal([1, true])
    })

    it('ends with 2 when the chain holds nothing of what the indexer shows', async () => {
      const { startAnvil } = await import('../support/anvil.ts')
      const { deployAll, directoryAs } = await import('../support/contracts.ts')
      const { roleMask } = await import('../../protocol/roles.ts')
      const other = await startAnvil()
      try {
        const contracts = await deployAll(other.url)
        const { directory, provider } = directoryAs(other.url, contracts.ParticipantDirectory)
        const register = directory.getFunction('register')
        await (await register(terminal.writer.office, roleMask(['taxOffice']), OFFICE_NAME, '', '')).wait()
        provider.destroy()
        const lookUp = () => run('lookup-payment', ['--order', 'PUBLIC-1', '--rpc', other.url])
        // Before the block of the record a node cannot say that there is none.
        const behind = await lookUp()
        expect([behind.code, behind.out.includes('unrecorded')]).to.deep.equal([1, false])
        await other.request('anvil_mine', ['0x100'])
        const { code, out } = await lookUp()
        expect([code, out.includes('unrecorded')]).to.deep.equal([2, true])
      } finally {
        await other.stop()
      }
    })
  })

  describe('voucher', () => {
    before(function () {
      if (existsSync('/usr/bin/pdftoppm')) return
      console.log('      skipped: poppler-utils is not installed')
      this.skip()
    })

    it('makes one A4 page in Chinese and English, with its fonts, whose QR code is the voucher', async () => {
      const file = join(folder, 'voucher.pdf')
      writeFileSync(file, 'older', { mode: 0o644 })
      const args = ['--order', ORDER_ID, '--code-file', join(folder, 'code'), '--out', file]
      const { code, talk } = await run('voucher', args)
      expect(code, talk).to.equal(0)
      expect(statSync(file).mode & 0o777, 'also where there was a file that others read').to.equal(0o600)
      const paper = readPaper(readFileSync(file))
      expect([paper.pages, paper.size]).to.deep.equal([1, [210, 297]])
      for (const text of [
        '缴费凭证',
        'Payment voucher',
        ORDER_ID,
        '国家税务总局上海市税务局',
        'CNY 345.67',
        'CNY 11,654.33',
        '退款',
        'Refund',
      ])
        expect(paper.text).to.include(text.replace(/\s/g, ''))
      expect(paper.fonts.length).to.be.greaterThan(1)
      for (const font of paper.fonts) expect(font).to.match(/^[A-Z]{6}\+NotoSansSC-(Regular|Bold)$/)
      expect(paper.text.replaceAll('-', '')).not.to.include(terminal.lookupCode.replaceAll('-', ''))
      expect(paper.qr).to.match(new RegExp(`^${terminal.indexer.url}/pay/verify#v=`))
      const carried = readCarried(paper.qr!)
      const voucher = decodeVoucher(carried?.kind === 'voucher' ? carried.text : '')
      expect([voucher.record.version, voucher.record.payerTag]).to.deep.equal([3, PAYER_TAG])
    })

    it('carries another version and another page when asked to', async () => {
      const file = join(folder, 'first.pdf')
      const choice = ['--version', '1', '--page', 'https://pay.example', '--out', file, '--json']
      const { code, out } = await run(
        'voucher',
        ['--order', ORDER_ID, '--code-stdin', ...choice],
        terminal.lookupCode,
      )
      expect(code).to.equal(0)
      expect(JSON.parse(out)).to.include({
        verdict: 'superseded',
        version: 1,
        page: 'https://pay.example/pay/verify',
      })
      expect(readPaper(readFileSync(file)).qr).to.match(/^https:\/\/pay\.example\/pay\/verify#v=/)
    })

    it('writes the longest record that there can be, and names characters that it cannot draw', async () => {
      const text = '𠀀😀'.repeat(8)
      const fields = { note: '备注'.repeat(70), list: ['a'.repeat(60)] }
      await terminal.writer.record([somePayment({ orderId: 'LONG-1', authority: text, fields })], 'sealed')
      await caughtUp(terminal.indexer, terminal.chain)
      const file = join(folder, 'long.pdf')
      const { code, talk } = await run('voucher', [
        '--order',
        'LONG-1',
        '--code-file',
        join(folder, 'code'),
        '--out',
        file,
      ])
      expect(code, talk).to.equal(0)
      const paper = readPaper(readFileSync(file))
      expect(paper.text).to.include('U+1F600')
      expect(paper.qr).to.include('/pay/verify#v=')
    })

    it('makes none where the newest version is withheld, or does not open', async () => {
      const file = join(folder, 'none.pdf')
      const args = ['--code-stdin', '--out', file]
      const withheld = await runLiedTo('voucher', ['--order', ORDER_ID, ...args], withholdNewest)
      expect([withheld.code, existsSync(file)]).to.deep.equal([2, false])
      await recordClosed('CLOSED-2')
      const closed = await run('voucher', ['--order', 'CLOSED-2', ...args], terminal.lookupCode)
      expect([closed.code, closed.talk.includes('PAYMENT_NOT_OPENED'), existsSync(file)]).to.deep.equal([
        1,
        true,
        false,
      ])
      // The first is true all the same for who asks for it, and the paper says nothing of what counts.
      const first = await run(
        'voucher',
        ['--order', 'CLOSED-2', '--version', '1', ...args],
        terminal.lookupCode,
      )
      expect(first.code, first.talk).to.equal(0)
      const { text } = readPaper(readFileSync(file))
      expect(text).to.include('GBP123.45').and.not.include('Whatcountsnow')
      rmSync(file)
    })

    it('keeps what an office adds apart from the rows of the record', async () => {
      const fields = { Amount: '0.01' }
      await terminal.writer.record([somePayment({ orderId: 'ADDED-1', fields })])
      await caughtUp(terminal.indexer, terminal.chain)
      const file = join(folder, 'added.pdf')
      const { code, talk } = await run('voucher', ['--order', 'ADDED-1', '--out', file])
      expect(code, talk).to.equal(0)
      expect(readPaper(readFileSync(file)).text).to.match(/Addedbytheoffice,undernamesofitsown.*Amount0\.01/)
    })

    it('ends with 3 where there is nothing to make one of', async () => {
      for (const asked of [['NOTHING'], ['PUBLIC-1', '--version', '2']])
        expect(
          (await run('voucher', ['--order', ...asked, '--out', join(folder, 'none.pdf')])).code,
        ).to.equal(3)
    })

    it('writes nothing without a code that opens it', async () => {
      const file = join(folder, 'none.pdf')
      const { code, talk } = await run('voucher', ['--order', ORDER_ID, '--out', file])
      expect([code, talk.includes('PAYMENT_NOT_OPENED'), existsSync(file)]).to.deep.equal([1, true, false])
    })
  })
})
