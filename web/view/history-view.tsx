import { useEffect, useMemo, useState } from 'preact/hooks'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import { formatAmount } from '../language/format.ts'
import { type HistoryStanding, standHistory } from '../order/history-standing.ts'
import { type ReadHistory, readableOf } from '../order/read-history.ts'
import type { ChainAnswer } from '../order/version-steps.ts'
import { askChain } from '../verification/ask-chain.ts'
import { useTexts } from './language-context.tsx'
import { VersionView } from './version-view.tsx'
import { VoucherPart } from './voucher-part.tsx'

interface HistoryViewProps {
  history: ReadHistory
  network: PaymentNetwork
}

/** What one office recorded of an order: what counts, every version, and the voucher. */
export function HistoryView({ history, network }: HistoryViewProps) {
  const { t } = useTexts()
  const { answer, versions } = history
  // Anybody may write any number of records under any order id: those of strangers are looked into when somebody wants to.
  const [isAsking, setAsking] = useState(answer.registered)
  const { answers, isDone } = useChain(history, network, isAsking)
  const standing = useMemo(() => standHistory(history, answers), [history, answers])
  const isWaiting = isAsking && !isDone
  return (
    <section class="history">
      <div class="screen">
        <h2>
          {answer.name !== null ? <bdi>{answer.name}</bdi> : <code class="address">{answer.office}</code>}
        </h2>
        {answer.registered ? (
          <p class="note">
            {t('history.registered')} · <code class="address">{answer.office}</code>
          </p>
        ) : (
          <>
            <p class="warning" role="note">
              {t('history.unregistered')}
            </p>
            {!isAsking && (
              <p class="actions">
                <button type="button" class="secondary" onClick={() => setAsking(true)}>
                  {t('history.askChain')}
                </button>
              </p>
            )}
          </>
        )}
        {answer.registered && readableOf(history).length > 0 && (
          <Net history={history} standing={standing} isWaiting={isWaiting} />
        )}
        <h3>{t('history.versions')}</h3>
        <ol class="versions" reversed>
          {versions.toReversed().map((version) => (
            <VersionView
              key={version.answer.entryDigest + version.answer.transactionHash}
              version={version}
              history={answer}
              chain={answers.get(version.answer.entryDigest)}
              isBeingAsked={isWaiting && version.voucher !== null}
            />
          ))}
        </ol>
      </div>
      {answer.registered && <VoucherPart history={history} standing={standing} />}
    </section>
  )
}

interface NetProps {
  history: ReadHistory
  standing: HistoryStanding
  isWaiting: boolean
}

/** What the order comes to, as far as the chain bears it out. */
function Net({ history, standing, isWaiting }: NetProps) {
  const { language, t } = useTexts()
  const { net, isContradicted, isConfirmed } = standing
  if (isContradicted)
    return (
      <p class="error" role="note">
        {t('history.netContradicted')}
      </p>
    )
  return (
    <div class={isConfirmed ? 'net' : 'net unconfirmed'}>
      <span>{t('history.net')}</span>
      {net === null ? (
        <span>{t('history.netUnknown')}</span>
      ) : (
        <strong>{formatAmount(language, net.amountMinor, net.currency)}</strong>
      )}
      <span class="note">{t('history.afterVersions', { count: history.versions.length })}</span>
      {net !== null && !isConfirmed && (
        <span class="note">{t(isWaiting ? 'pay.checking' : 'badge.unchecked')}</span>
      )}
    </div>
  )
}

/** Older ones are held against the chain by their vouchers. */
const VERSIONS_AT_MOST = 20

/** What the chain says of each version, by its entry digest, as the answers come in. */
function useChain(
  history: ReadHistory,
  network: PaymentNetwork,
  isAsking: boolean,
): { answers: ReadonlyMap<string, ChainAnswer>; isDone: boolean } {
  const [isDone, setDone] = useState(false)
  const [answers, setAnswers] = useState<ReadonlyMap<string, ChainAnswer>>(new Map())
  useEffect(() => {
    if (!isAsking) return undefined
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
  }, [history, network, isAsking])
  return { answers, isDone }
}
