import { useLayoutEffect, useState } from 'preact/hooks'
import { formatBytes } from '../language/format.ts'
import { useTexts } from '../view/language-context.tsx'
import { ErrorLine } from '../view/status-line.tsx'
import type { FileReading, Shown } from './evidence.ts'
import type { Slot } from './sort-files.ts'

interface EvidenceFormProps {
  shown: Shown
  /** More files were given than there is room for. */
  isTooMany: boolean
  onFiles(files: File[], place: Slot): void
  onStop(): void
  onClear(): void
}

const PLACES = ['file', 'credential'] as const satisfies Slot[]
const CHOOSE = { file: 'evidence.chooseFile', credential: 'evidence.chooseCredential' } as const

/** Takes a file and its credential, dropped anywhere on the page or chosen. */
export function EvidenceForm({ shown, isTooMany, onFiles, onStop, onClear }: EvidenceFormProps) {
  const { t } = useTexts()
  const { reading, presented } = shown
  const over = useDrop((files, place) =>
    onFiles(files, place ?? (reading === undefined ? 'file' : 'credential')),
  )
  const chosen = { file: reading?.file, credential: presented?.file }
  return (
    <section class="panel screen">
      <div class="slots">
        {PLACES.map((place) => (
          <div key={place} class={over === place ? 'slot over' : 'slot'} data-place={place}>
            <h2>{t(`evidence.${place}`)}</h2>
            {chosen[place] === undefined ? (
              <p class="hint" id={`${place}-hint`}>
                {t(`evidence.${place}Hint`)}
              </p>
            ) : (
              <Chosen file={chosen[place]} />
            )}
            {place === 'file' && reading !== undefined && <Progress reading={reading} onStop={onStop} />}
            <label class="secondary file">
              <input
                type="file"
                aria-describedby={chosen[place] === undefined ? `${place}-hint` : undefined}
                onChange={({ currentTarget: input }) => {
                  const files = [...(input.files ?? [])]
                  // So that the same file can be chosen again after it was changed.
                  input.value = ''
                  if (files.length > 0) onFiles(files, place)
                }}
              />
              {t(CHOOSE[place])}
            </label>
          </div>
        ))}
      </div>
      <ErrorLine message={isTooMany ? { key: 'evidence.oneFile' } : undefined} />
      {(reading !== undefined || presented !== undefined) && (
        <div class="actions">
          <button type="button" class="quiet" onClick={onClear}>
            {t('evidence.clear')}
          </button>
        </div>
      )}
    </section>
  )
}

function Chosen({ file: { name, size } }: { file: File }) {
  const { language } = useTexts()
  return (
    <p class="chosen">
      <bdi>{name}</bdi> <span class="note">{formatBytes(language, size)}</span>
    </p>
  )
}

function Progress({ reading, onStop }: { reading: FileReading; onStop(): void }) {
  const { t } = useTexts()
  if (reading.state === 'failed') return <ErrorLine message={{ key: reading.because }} />
  if (reading.state === 'read') return <p class="note">{t('evidence.hashed')}</p>
  const text = t('evidence.reading', { percent: Math.floor(reading.share * 100) })
  return (
    <div class="progress">
      <progress max={1} value={reading.share} aria-label={t('evidence.file')} />
      <p class="note">{text}</p>
      <button type="button" class="secondary" onClick={onStop}>
        {t('evidence.cancel')}
      </button>
    </div>
  )
}

/**
 * Takes files that are dropped on the page, wherever: a browser would leave the page for a file that misses its place.
 * @returns the place that something is held over
 */
function useDrop(onDrop: (files: File[], place: Slot | undefined) => void): Slot | undefined {
  const [over, setOver] = useState<Slot>()
  // With the page: not a frame later, when something may have been dropped.
  useLayoutEffect(() => {
    const hold = (event: DragEvent) => {
      event.preventDefault()
      setOver(placeOf(event))
    }
    const drop = (event: DragEvent) => {
      event.preventDefault()
      setOver(undefined)
      const files = [...(event.dataTransfer?.files ?? [])]
      if (files.length > 0) onDrop(files, placeOf(event))
    }
    const leave = (event: DragEvent) => event.relatedTarget === null && setOver(undefined)
    window.addEventListener('dragover', hold)
    window.addEventListener('drop', drop)
    window.addEventListener('dragleave', leave)
    return () => {
      window.removeEventListener('dragover', hold)
      window.removeEventListener('drop', drop)
      window.removeEventListener('dragleave', leave)
    }
  })
  return over
}

const placeOf = ({ target }: DragEvent): Slot | undefined =>
  target instanceof Element
    ? (target.closest<HTMLElement>('[data-place]')?.dataset.place as Slot | undefined)
    : undefined
