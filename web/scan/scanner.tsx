import { useEffect, useRef, useState } from 'preact/hooks'
import type { TextKey } from '../language/en.ts'
import type { Message } from '../order/version-steps.ts'
import { useTexts } from '../view/language-context.tsx'
import { ErrorLine } from '../view/status-line.tsx'
import { readQr, readQrFile } from './read-qr.ts'

interface ScannerProps {
  scanText: TextKey
  pictureText: TextKey
  /** Takes what was read. @returns what is wrong with it, if anything */
  onText(text: string): TextKey | undefined
}

/** Between two looks at the camera's picture. */
const LOOK_MS = 120

/** Reads a QR code by camera, or from an image file. */
export function Scanner({ scanText, pictureText, onText }: ScannerProps) {
  const { t } = useTexts()
  const [isScanning, setScanning] = useState(false)
  const [fault, setFault] = useState<Message>()
  const scanButton = useRef<HTMLButtonElement>(null)

  function take(text: string): void {
    const wrong = onText(text)
    setFault(wrong && { key: wrong })
    setScanning(false)
  }
  async function takeFile(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0]
    input.value = ''
    if (file === undefined) return
    const text = await readQrFile(file)
    if (text === undefined) setFault({ key: 'scan.noCode' })
    else take(text)
  }
  function stop(because?: TextKey): void {
    setScanning(false)
    setFault(because && { key: because })
    scanButton.current?.focus()
  }
  return (
    <div class="scanner">
      <div class="actions">
        <button
          type="button"
          ref={scanButton}
          class="secondary"
          aria-expanded={isScanning}
          onClick={() => (isScanning ? stop() : setScanning(true))}
        >
          {t(isScanning ? 'scan.stop' : scanText)}
        </button>
        <label class="secondary file">
          <input type="file" accept="image/*" onChange={(event) => void takeFile(event.currentTarget)} />
          {t(pictureText)}
        </label>
      </div>
      {isScanning && <Camera onText={take} onFailure={() => stop('scan.noCamera')} />}
      <ErrorLine message={fault} />
    </div>
  )
}

function Camera({ onText, onFailure }: { onText(text: string): void; onFailure(): void }) {
  const { t } = useTexts()
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    let stream: MediaStream | undefined
    let isOver = false
    const canvas = document.createElement('canvas')
    async function scan(): Promise<void> {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 720 } },
      })
      if (isOver) return end()
      const element = video.current!
      element.srcObject = stream
      await element.play()
      while (!isOver) {
        const text = await readQr(element, canvas)
        if (isOver) return
        if (text !== undefined) return onText(text)
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    }
    function end(): void {
      isOver = true
      for (const track of stream?.getTracks() ?? []) track.stop()
    }
    scan().catch(() => {
      if (!isOver) onFailure()
    })
    return end
  }, [])
  return (
    <figure class="camera">
      <video ref={video} muted playsInline aria-label={t('scan.title')} />
      <figcaption>{t('scan.title')}</figcaption>
    </figure>
  )
}
