import type { TextKey } from '../language/en.ts'
import { formatTime } from '../language/format.ts'
import type { Step } from '../order/version-steps.ts'
import { useTexts } from './language-context.tsx'
import { Steps } from './steps.tsx'

/** Whom a verification asked, and of which block. */
export interface Asked {
  chainId: number
  /** `timestamp` in unix seconds. */
  askedAt: { blockNumber: number; timestamp: number }
  /** Endpoints that were asked, of each chain that was: that of the record and the directory's. */
  nodes: string[][]
  /** Registry and directory were named by whoever verifies. */
  hasOwnAddresses: boolean
}

interface GroundsProps {
  steps: readonly Step[]
  /** Undefined when no node gave an answer that anything stands on. */
  asked: Asked | undefined
  /** What stays open whatever the steps say. */
  unchecked: readonly TextKey[]
}

/** What a verdict stands on, and what it does not say. */
export function Grounds({ steps, asked, unchecked }: GroundsProps) {
  const { language, t } = useTexts()
  const isOpen = ({ key, outcome }: Step) => outcome === 'not-checked' && key !== 'step.skipped'
  const open: TextKey[] = [...steps.filter(isOpen).map(({ key }) => key), ...trustedIn(asked), ...unchecked]
  return (
    <section class="panel">
      <h2>{t('verify.checked')}</h2>
      <Steps steps={steps.filter((step) => !isOpen(step))} />
      {asked !== undefined && (
        <p class="note">
          {t('verify.askedAt', {
            block: asked.askedAt.blockNumber,
            chain: asked.chainId,
            time: formatTime(language, asked.askedAt.timestamp),
          })}
          <br />
          {t('verify.nodes', { nodes: hostsOf(asked.nodes).join(', ') })}
        </p>
      )}
      <h3>{t('verify.notChecked')}</h3>
      <ul class="plain">
        {open.map((key) => (
          <li key={key}>{t(key)}</li>
        ))}
      </ul>
    </section>
  )
}

function trustedIn(asked: Asked | undefined): TextKey[] {
  if (asked === undefined) return []
  const areTwo = asked.nodes.every(({ length }) => length > 1)
  return [
    areTwo ? 'verify.notChecked.twoNodes' : 'verify.notChecked.node',
    ...(asked.hasOwnAddresses ? [] : (['verify.notChecked.addresses'] as const)),
  ]
}

const hostsOf = (nodes: readonly string[][]): string[] => [
  ...new Set(nodes.flat().map((url) => new URL(url).host)),
]
