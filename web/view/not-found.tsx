import type { HeadAnswer } from '../order/order-answer.ts'
import { useTexts } from './language-context.tsx'

/** That nothing is recorded, and what proves that. */
export function NotFound({ heads }: { heads: readonly HeadAnswer[] }) {
  const { t } = useTexts()
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
                    <td>{name ?? office}</td>
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
        </>
      )}
    </section>
  )
}
