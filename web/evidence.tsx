import { render } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { PaymentNetwork } from '../protocol/payments/payment-network.ts'
import type { Check } from '../protocol/verification.ts'
import { askEvidence, type CheckedEvidence, checkedFault } from './evidence/ask-evidence.ts'
import { readCredentialFile, type Shown } from './evidence/evidence.ts'
import { EvidenceForm } from './evidence/evidence-form.tsx'
import { EvidenceResult } from './evidence/evidence-result.tsx'
import { findingOf } from './evidence/evidence-steps.ts'
import { hashFile } from './evidence/hash-file.ts'
import { type Slot, sortFiles } from './evidence/sort-files.ts'
import type { Message } from './order/version-steps.ts'
import { OwnNodes, type OwnNodesChoice } from './own-nodes.tsx'
import { readSettings } from './settings.ts'
import { LanguageProvider } from './view/language-context.tsx'
import { PageFrame } from './view/page-frame.tsx'
import { StatusLine } from './view/status-line.tsx'
import { useIdle } from './view/use-idle.ts'
import { useRestored } from './view/use-restored.ts'

const PATH = '/verify'

function EvidencePage({ network }: { network: PaymentNetwork }) {
  const [shown, setShown] = useState<Shown>({})
  const [soFar, setSoFar] = useState<Check[]>()
  const [checked, setChecked] = useState<CheckedEvidence>()
  const [status, setStatus] = useState<Message>()
  const [isTooMany, setTooMany] = useState(false)
  /** As it is by now, for what goes on between two drawings. */
  const latest = useRef<Shown>({})
  const own = useRef<OwnNodesChoice>({ network, urls: [], ownRegistries: [] })
  const question = useRef(0)
  const stop = useRef<AbortController | undefined>(undefined)
  /** Counts credentials: one that takes longer to be read than the next does not take its place. */
  const choice = useRef(0)
  const result = useRef<HTMLDivElement>(null)

  function change(next: Shown): void {
    latest.current = { ...latest.current, ...next }
    setShown(latest.current)
  }
  function reset(): void {
    question.current++
    setChecked(undefined)
    setSoFar(undefined)
  }
  function clear(because: Message['key']): void {
    stop.current?.abort()
    choice.current++
    reset()
    change({ reading: undefined, presented: undefined })
    setTooMany(false)
    setStatus({ key: because })
  }

  async function take(files: File[], place: Slot): Promise<void> {
    const sorted = sortFiles(files, place)
    setTooMany(sorted === undefined)
    if (sorted === undefined) return
    reset()
    const reading = sorted.file && read(sorted.file)
    if (sorted.credential !== undefined) {
      const number = ++choice.current
      const next = await readCredentialFile(sorted.credential)
      if (number === choice.current) change({ presented: next })
    }
    // Another file that took its place asks when it has been read.
    if (reading === undefined || (await reading)) await verify()
  }
  /** Leaves the file as read, or with what hindered that. @returns false when another was given meanwhile, or all was cleared */
  async function read(file: File): Promise<boolean> {
    stop.current?.abort()
    const reading = new AbortController()
    stop.current = reading
    const { signal } = reading
    change({ reading: { state: 'reading', file, share: 0 } })
    try {
      const onProgress = (share: number) =>
        signal.aborted || change({ reading: { state: 'reading', file, share } })
      const contentHash = await hashFile(file, { signal, onProgress })
      change({ reading: { state: 'read', file, contentHash } })
    } catch {
      if (stop.current !== reading || latest.current.reading === undefined) return false
      const because = signal.aborted ? 'evidence.cancelled' : 'evidence.unreadable'
      change({ reading: { state: 'failed', file, because } })
    }
    return true
  }
  /** Does nothing while a file is being read: it is asked again when that is over. */
  async function verify(): Promise<void> {
    const { reading, presented } = latest.current
    if (reading?.state === 'reading') return
    if (presented === undefined) {
      setStatus({ key: reading?.state === 'failed' ? reading.because : 'evidence.fileReady' })
      return
    }
    reset()
    const number = question.current
    setStatus({ key: 'evidence.checking' })
    const contentHash = reading?.state === 'read' ? reading.contentHash : undefined
    const answer =
      'fault' in presented
        ? checkedFault(presented.fault)
        : await askEvidence(
            presented.credential,
            contentHash,
            own.current,
            (checks) => number === question.current && setSoFar(checks),
          )
    if (number !== question.current) return
    setSoFar(undefined)
    setChecked(answer)
    setStatus({
      key: answer.rule === undefined ? 'verdict.none.title' : `evidence.${findingOf(answer.rule).text}.title`,
    })
    // Whoever has yet to give the file stays where it is given.
    if (answer.rule !== 'content-not-checked') requestAnimationFrame(() => result.current?.focus())
  }

  const isReading = shown.reading?.state === 'reading'
  const { presented } = shown
  useIdle(!isReading && (shown.reading ?? presented) !== undefined, () => clear('pay.clearedIdle'))
  useRestored(() => clear('pay.cleared'))

  return (
    <PageFrame title="evidence.title" lead="evidence.lead">
      <StatusLine message={status} isShown={false} />
      <EvidenceForm
        shown={shown}
        isTooMany={isTooMany}
        onFiles={(files, place) => void take(files, place)}
        onStop={() => stop.current?.abort()}
        onClear={() => clear('pay.cleared')}
      />
      {/* Takes the focus when the answer is there; keys do not stop at it. */}
      <div class="result" ref={result} tabIndex={-1}>
        {presented !== undefined && !isReading && (
          <EvidenceResult
            presented={presented}
            soFar={soFar}
            checked={checked}
            onAgain={() => void verify()}
          />
        )}
      </div>
      <OwnNodes
        network={network}
        path={PATH}
        registryText="own.credentialRegistry"
        chainId={
          presented !== undefined && 'credential' in presented
            ? presented.credential.credentialStatus.chainId
            : undefined
        }
        onChoose={(choice) => {
          own.current = choice
          void verify()
        }}
      />
    </PageFrame>
  )
}

render(
  <LanguageProvider>
    <EvidencePage network={readSettings().network} />
  </LanguageProvider>,
  document.getElementById('page')!,
)
