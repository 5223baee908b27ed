/** Longest side that is looked at: a QR code of a slip is read well, and a telephone keeps up. */
const MAX_SIDE = 1_400

type Source = HTMLVideoElement | ImageBitmap

/** Text of the QR code in a picture; undefined when none is seen. */
export async function readQr(source: Source, canvas: HTMLCanvasElement): Promise<string | undefined> {
  // A quarter of a megabyte that only those who scan have to load.
  const { default: jsQR } = await import('jsqr')
  const { width, height } = sizeOf(source)
  if (width === 0 || height === 0) return undefined
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height))
  canvas.width = Math.max(1, Math.round(width * scale))
  canvas.height = Math.max(1, Math.round(height * scale))
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  context.drawImage(source, 0, 0, canvas.width, canvas.height)
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
  return jsQR(data, canvas.width, canvas.height)?.data || undefined
}

/** As above, of an image file. */
export async function readQrFile(file: Blob): Promise<string | undefined> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    return undefined
  }
  try {
    return await readQr(bitmap, document.createElement('canvas'))
  } finally {
    bitmap.close()
  }
}

const sizeOf = (source: Source): { width: number; height: number } =>
  source instanceof HTMLVideoElement
    ? { width: source.videoWidth, height: source.videoHeight }
    : { width: source.width, height: source.height }
