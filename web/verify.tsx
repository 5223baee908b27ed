import { render } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { isCountersignError } from '../protocol/errors.ts'
import type { PaymentNetwork } from '../protocol/payments/payment-network.ts'
import { decodeVoucher, type PaymentVoucher } from '../protocol/payments/payment-voucher.ts'
import { readCarried } from './fragment.ts'
import { errorMessage, type Message, verdictText } from './order/version-steps.ts'
import { OwnNodes, type OwnNodesChoice } from './own-nodes.tsx'
import { Scanner } from './scan/scanner.tsx'
import { readSettings } from './settings.ts'
import { connectNodes } from './verification/nodes.ts'
import { verifyVoucher } from './verification/verify-voucher.ts'
import { LanguageProvider, useTexts } from './view/language-context.tsx'
import { PageFrame } from './view/page-frame.tsx'
import { StatusLine } from './view/status-line.tsx'
import { useCarried } from './view/use-carried.ts'
import { useIdle } from './view/use-idle.ts'
import { useRestored } from './view/use-restored.ts'
import { Verdict, type Verified } from './view/verdict.tsx'

/** The voucher as it was read; a fault in its place when it is none. */
type Presented = { text: string; voucher: PaymentVoucher | undefined }

function VerifyPage({ network }: { network: PaymentNetwork }) {
  const { t } = useTexts()
  const [presented, setPresented] = useState<Presented>()
  const [verified, setVerified] = useState<Verified>()
  const [status, setStatus] = useState<Message>()
  const [typed, setTyped] = useState('')
  const own = useRef<OwnNodesChoice>({ network, urls: [], ownRegistries: [] })
  const question = useRef(0)
  const result = useRef<HTMLDivElement>(null)

  async function verify(voucher: PaymentVoucher): Promise<void> {
    const number = ++question.current
    setVerified(undefined)
    setStatus({ key: 'verify.working' })
    const answer = await ask(voucher, own.current)
    if (number !== question.current) return
    setVerified(answer)
    setStatus(statusOf(answer, voucher))
    requestAnimationFrame(() => result.current?.focus())
  }
  function present(text: string): void {
    const voucher = readVoucher(text)
    setTyped('')
    setPresented({ text, voucher })
    setVerified(undefined)
    if (voucher === undefined) setStatus({ key: 'verify.malformed.title' })
    else void verify(voucher)
  }
  function clear(): void {
    question.current++
    setPresented(undefined)
    setVerified(undefined)
    setTyped('')
    setStatus({ key: 'pay.clearedIdle' })
  }
  useIdle(presented !== undefined, clear)
  useCarried((next) => next.kind === 'voucher' && present(next.text))
  useRestored(clear)

  return (
    <PageFrame title="verify.title" lead="verify.lead">
      <StatusLine message={status} isShown={false} />
      {/* Takes the focus when the answer is there; keys do not stop at it. */}
      <div class="result" ref={result} tabIndex={-1}>
        {presented !== undefined && presented.voucher === undefined && (
          <section class="verdict bad">
            <h2>{t('verify.malformed.title')}</h2>
            <p>{t('verify.malformed')}</p>
          </section>
        )}
        {presented?.voucher !== undefined && (
          <Verdict
            voucher={presented.voucher}
            verified={verified}
            onAgain={() => void verify(presented.voucher!)}
          />
        )}
      </div>
      <section class="panel screen">
        <p>{t('verify.none')}</p>
        <form
          autocomplete="off"
          onSubmit={(event) => {
            event.preventDefault()
            present(readCarriedVoucher(typed))
          }}
        >
          <div class="field">
            <label for="voucher">{t('verify.link')}</label>
            <input
              id="voucher"
              value={typed}
              required
              spellcheck={false}
              autocapitalize="off"
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </div>
          <div class="actions">
            <button type="submit">{t('verify.check')}</button>
          </div>
        </form>
        <Scanner
          scanText="verify.scan"
          pictureText="verify.picture"
          onText={(text) => {
            const scanned = readCarried(text)
            if (scanned?.kind !== 'voucher') return 'scan.otherCode'
            present(scanned.text)
            return undefined
          }}
        />
      </section>
      <OwnNodes
        network={network}
        path="/pay/verify"
        registryText="own.registry"
        fragment={presented && `#v=${encodeURIComponent(presented.text)}`}
        chainId={presented?.voucher?.place.chainId}
        onChoose={(choice) => {
          own.current = choice
          if (presented?.voucher !== undefined) void verify(presented.voucher)
        }}
      />
    </PageFrame>
  )
}

async function ask(
  voucher: PaymentVoucher,
  { network, urls, ownRegistries }: OwnNodesChoice,
): Promise<Verified> {
  try {
    const nodes = await connectNodes(network, urls)
    const verification = await verifyVoucher(voucher, { network, nodeOf: nodes.nodeOf })
    const { chainId } = voucher.place
    const asked = [...new Set([chainId, network.directory.chainId])]
    const hasOwnAddresses = ownRegistries.includes(chainId)
    return { verification, nodes: asked.map(nodes.urlsOf), hasOwnAddresses }
  } catch (error) {
    return { fault: errorMessage(error) }
  }
}

function readVoucher(text: string): PaymentVoucher | undefined {
  try {
    return decodeVoucher(text)
  } catch (error) {
    if (isCountersignError(error)) return undefined
    throw error
  }
}

/** Of a pasted link what is behind its `#v=`; anything else as it is. */
function readCarriedVoucher(typed: string): string {
  const carried = readCarried(typed.trim())
  return carried?.kind === 'voucher' ? carried.text : typed.trim()
}

const statusOf = (verified: Verified, { tier }: PaymentVoucher): Message =>
  'fault' in verified
    ? { key: 'verdict.none.title' }
    : { key: `verdict.${verdictText(verified.verification.verdict, tier)}.title` }

render(
  <LanguageProvider>
    <VerifyPage network={readSettings().network} />
  </LanguageProvider>,
  document.getElementById('page')!,
)
