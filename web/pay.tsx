import { render } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { Bytes32 } from '../protocol/hex.ts'
import { type LookupCode, readLookupCode } from '../protocol/payments/lookup-code.ts'
import { orderKeyOf, readOrderId } from '../protocol/payments/order-id.ts'
import { type Carried, voucherLink } from './fragment.ts'
import { askIndexer } from './order/ask-indexer.ts'
import type { HeadAnswer } from './order/order-answer.ts'
import { type ReadHistory, readHistory } from './order/read-history.ts'
import { errorMessage, type Message } from './order/version-steps.ts'
import { type Asked, PayForm } from './pay-form.tsx'
import { type PageSettings, readSettings } from './settings.ts'
import { HistoryView } from './view/history-view.tsx'
import { LanguageProvider, useTexts } from './view/language-context.tsx'
import { NotFound } from './view/not-found.tsx'
import { PageFrame } from './view/page-frame.tsx'
import { ErrorLine, StatusLine } from './view/status-line.tsx'
import { useCarried } from './view/use-carried.ts'
import { useIdle } from './view/use-idle.ts'
import { useRestored } from './view/use-restored.ts'

type Found =
  | { outcome: 'found'; histories: ReadHistory[]; truncated: boolean; isOpen: boolean }
  | { outcome: 'not-found'; heads: HeadAnswer[]; orderKey: Bytes32 }

const NOTHING: Asked = { orderId: '', code: '' }

function PayPage({ settings }: { settings: PageSettings }) {
  const [asked, setAsked] = useState(NOTHING)
  const [found, setFound] = useState<Found>()
  const [status, setStatus] = useState<Message>()
  const [fault, setFault] = useState<Message>()
  const [isBusy, setBusy] = useState(false)
  /** Counts questions: the answer to one that was given up is not shown. */
  const question = useRef(0)
  const orderField = useRef<HTMLInputElement>(null)
  const result = useRef<HTMLDivElement>(null)

  async function ask(typed: Asked): Promise<void> {
    const number = ++question.current
    setAsked(typed)
    setFound(undefined)
    setFault(undefined)
    setBusy(true)
    setStatus({ key: 'pay.looking' })
    try {
      const answer = await lookUp(typed)
      if (number !== question.current) return
      setFound(answer)
      setStatus(statusOf(answer))
      requestAnimationFrame(() => result.current?.focus())
    } catch (error) {
      if (number !== question.current) return
      setFault(errorMessage(error))
      setStatus(undefined)
    }
    setBusy(false)
  }
  function clear(because: Message['key']): void {
    question.current++
    setAsked(NOTHING)
    setFound(undefined)
    setFault(undefined)
    setBusy(false)
    setStatus({ key: because })
    orderField.current?.focus()
  }
  const showVoucher = ({ text }: { text: string }) => window.location.assign(voucherLink('', text))
  const open = (next: NonNullable<Carried>) => (next.kind === 'voucher' ? showVoucher(next) : void ask(next))

  useCarried(open)
  // Whoever goes back to a page that the browser kept finds nothing of the one before.
  useRestored(() => clear('pay.cleared'))
  useIdle(asked !== NOTHING, () => clear('pay.clearedIdle'))

  return (
    <PageFrame title="pay.title" lead="pay.lead">
      <PayForm
        asked={asked}
        isBusy={isBusy}
        orderField={orderField}
        onChange={setAsked}
        onAsk={(typed) => void ask(typed)}
        onClear={() => clear('pay.cleared')}
        onVoucher={showVoucher}
      />
      <div class="screen">
        <StatusLine message={status} isShown={found === undefined} />
        <ErrorLine message={fault} />
      </div>
      {/* Takes the focus when the answer is there; keys do not stop at it. */}
      <div class="result" ref={result} tabIndex={-1}>
        {found !== undefined && <Answer found={found} settings={settings} />}
      </div>
    </PageFrame>
  )
}

function Answer({ found, settings }: { found: Found; settings: PageSettings }) {
  const { t } = useTexts()
  if (found.outcome === 'not-found')
    return <NotFound heads={found.heads} orderKey={found.orderKey} network={settings.network} />
  const { histories, truncated, isOpen } = found
  const isSealed = histories.some(({ versions }) => versions.some(({ reading }) => reading === 'sealed'))
  return (
    <>
      {isSealed && !isOpen && <p class="warning screen">{t('pay.sealedHint')}</p>}
      {truncated && <p class="warning screen">{t('pay.truncated')}</p>}
      {histories.map((history) => (
        <HistoryView
          key={history.answer.registry + history.answer.office}
          history={history}
          network={settings.network}
        />
      ))}
    </>
  )
}

/** @throws LOOKUP_CODE_MISTYPED, ORDER_ID_MALFORMED before anything is asked; INDEXER_UNREACHABLE */
async function lookUp({ orderId: typed, code: typedCode }: Asked): Promise<Found> {
  const orderId = readOrderId(typed)
  const code: LookupCode | undefined = typedCode.trim() === '' ? undefined : readLookupCode(typedCode)
  const orderKey = orderKeyOf(orderId)
  const answer = await askIndexer('', orderKey)
  if (answer.outcome === 'not-found') return { ...answer, orderKey }
  const histories = answer.histories.map((history) => readHistory(history, orderId, code))
  return { outcome: 'found', histories, truncated: answer.truncated, isOpen: code !== undefined }
}

function statusOf(found: Found): Message {
  if (found.outcome === 'not-found') return { key: 'notFound.title' }
  const versions = found.histories.flatMap((history) => history.versions)
  const isRead = versions.every(({ reading }) => reading === 'read')
  return { key: isRead ? 'pay.foundOpened' : 'pay.found', values: { count: versions.length } }
}

render(
  <LanguageProvider>
    <PayPage settings={readSettings()} />
  </LanguageProvider>,
  document.getElementById('page')!,
)
