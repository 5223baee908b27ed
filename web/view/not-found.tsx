import { useEffect, useState } from 'preact/hooks'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { HeadAnswer } from '../order/order-answer.ts'
import { errorMessage, type Step } from '../order/version-steps.ts'
import { absenceStep, askAbsence } from '../verification/ask-absence.ts'
import { useTexts } from './language-context.tsx'
import { Steps } from './steps.tsx'

interface NotFoundProps {
  heads: readonly HeadAnswer[]
  orderKey: Bytes32
  network: PaymentNetwork
}

/** That nothing was found, and how far that was looked into. */
export function NotFound({ heads, orderKey, network }: NotFoundProps) {
  const { t } = useTexts()
  const [step, setStep] = useState<Step>()
  useEffect(() => {
    let isOver = false
    void stepOf(heads, orderKey, network).then((found) => {
      if (!isOver) setStep(found)
    })
    return () => {
      isOver = true
    }
  }, [heads, orderKey, network])
  return (
    <section class="not-found">
      <h2>{t('notFound.title')}</h2>
      <p>{t('notFound.lead')}</p>
      {heads.some(({ completeness }) => completeness !== 'complete') && (
        <p class="warning">{t('notFound.incomplete')}</p>
      )}
      {heads.length === 0 ? (
        <p>{t('notFound.noOffice')}</p>
      ) : (
        <>
          <p>{t('notFound.proof')}</p>
          {/* A region that scrolls has to be reached by keyboard. */}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
          <section class="scroll" tabIndex={0} aria-label={t('notFound.office')}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t('notFound.office')}</th>
                  <th scope="col" class="number">
                    {t('notFound.entries')}
                  </th>
                  <th scope="col" class="number">
                    {t('notFound.block')}
                  </th>
                  <th scope="col">{t('notFound.head')}</th>
                </tr>
              </thead>
              <tbody>
                {heads.map(({ office, registry, name, entryCount, verifiedAtBlock, head }) => (
                  <tr key={office + registry}>
                    <td>
                      <bdi>{name ?? office}</bdi>
                    </td>
                    <td class="number">{entryCount}</td>
                    <td class="number">{verifiedAtBlock ?? '–'}</td>
                    <td>
                      <code title={head}>{`${head.slice(0, 18)}…`}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
          <div aria-live="polite">{step !== undefined && <Steps steps={[step]} />}</div>
        </>
      )}
    </section>
  )
}

async function stepOf(...asked: Parameters<typeof askAbsence>): Promise<Step> {
  try {
    return absenceStep(await askAbsence(...asked))
  } catch (error) {
    return { key: 'step.node.not-checked', outcome: 'not-checked', reason: errorMessage(error) }
  }
}
