import { useEffect, useMemo, useState } from 'preact/hooks'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import { formatAmount } from '../language/format.ts'
import { newestOf, type ReadHistory } from '../order/read-history.ts'
import type { ChainAnswer } from '../order/version-steps.ts'
import { askChain } from '../verification/ask-chain.ts'
import { useTexts } from './language-context.tsx'
import { VersionView } from './version-view.tsx'
import { VoucherSheet } from './voucher-sheet.tsx'

interface HistoryViewProps {
  history: ReadHistory
  network: PaymentNetwork
}

/** What one office recorded of an order: what counts, every version, and the voucher. */
export function HistoryView({ history, network }: HistoryViewProps) {
  const { language, t } = useTexts()
  const { answers, isDone } = useChain(history, network)
  const { answer, versions, net } = history
  const newest = useMemo(() => newestOf(history), [history])
  const [chosen, setChosen] = useState(newest)
  return (
    <section class="history">
      <div class="screen">
        <h2>{answer.name ?? <code class="address">{answer.office}</code>}</h2>
        {answer.registered ? (
          <p class="note">
            {t('history.registered')} · <code class="address">{answer.office}</code>
          </p>
        ) : (
          <p class="warning" role="note">
            {t('history.unregistered')}
          </p>
        )}
        {newest !== undefined && (
          <div class="net">
            <span>{t('history.net')}</span>
            <strong>
              {net === null ? t('history.netUnknown') : formatAmount(language, net.amountMinor, net.currency)}
            </strong>
            <span class="note">{t('history.afterVersions', { count: versions.length })}</span>
          </div>
        )}
        <h3>{t('history.versions')}</h3>
        <ol class="versions" reversed>
          {versions.toReversed().map((version) => (
            <VersionView
              key={version.answer.entryDigest + version.answer.transactionHash}
              version={version}
              history={answer}
              chain={answers.get(version.answer.entryDigest)}
              isBeingAsked={!isDone && version.voucher !== null}
            />
          ))}
        </ol>
      </div>
      {answer.registered && chosen !== undefined && (
        <VoucherSheet history={history} chosen={chosen} onChoose={setChosen} />
      )}
    </section>
  )
}

/** Older ones are held against the chain by their vouchers. */
const VERSIONS_AT_MOST = 20

/** What the chain says of each version, by its entry digest, as the answers come in. */
function useChain(
  history: ReadHistory,
  network: PaymentNetwork,
): { answers: ReadonlyMap<string, ChainAnswer>; isDone: boolean } {
  const [isDone, setDone] = useState(false)
  const [answers, setAnswers] = useState<ReadonlyMap<string, ChainAnswer>>(new Map())
  useEffect(() => {
    const over = new AbortController()
    setAnswers(new Map())
    setDone(false)
    const onAnswer = (entryDigest: string, answer: ChainAnswer) =>
      setAnswers((known) => new Map(known).set(entryDigest, answer))
    void askChain(history, network, onAnswer, {
      versionsAtMost: VERSIONS_AT_MOST,
      signal: over.signal,
    }).then(() => over.signal.aborted || setDone(true))
    return () => over.abort()
  }, [history, network])
  return { answers, isDone }
}
