import type { Step } from '../order/version-steps.ts'
import { useTexts } from './language-context.tsx'

const MARKS = { passed: '✓', failed: '✗', pending: '…', 'not-checked': '–' } as const

export function Steps({ steps }: { steps: readonly Step[] }) {
  const { t } = useTexts()
  return (
    <ul class="steps">
      {steps.map(({ key, outcome, values, reason, detail }) => (
        <li key={key} class={`step ${outcome}`}>
          <span class="mark" aria-hidden="true">
            {MARKS[outcome]}
          </span>
          <span>
            {t(key, { ...values, ...(reason && { reason: t(reason.key, reason.values) }) })}
            {detail !== undefined && (
              <code class="detail" lang="en">
                {detail}
              </code>
            )}
          </span>
        </li>
      ))}
    </ul>
  )
}
