import QRCode from 'qrcode'

/** The QR code of a slip as a photographer would send it. */
export const slipPicture = (url: string): Promise<Buffer> =>
  QRCode.toBuffer(url, { errorCorrectionLevel: 'M', scale: 6, margin: 6 })

const WIDTH = 640
const HEIGHT = 480

/** The same in front of a camera: a film in YUV4MPEG2 of one picture, which Chromium plays again and again in a camera's place. */
export function slipFilm(url: string): Buffer {
  const { size, data } = QRCode.create(url, { errorCorrectionLevel: 'M' }).modules
  const scale = Math.floor((HEIGHT - 60) / size)
  const left = Math.floor((WIDTH - size * scale) / 2)
  const top = Math.floor((HEIGHT - size * scale) / 2)
  const light = Buffer.alloc(WIDTH * HEIGHT, 200)
  for (let y = 0; y < size * scale; y++)
    for (let x = 0; x < size * scale; x++)
      if (data[Math.floor(y / scale) * size + Math.floor(x / scale)]) light[(top + y) * WIDTH + left + x] = 40
  const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, 128)
  const head = `YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A0:0 C420jpeg\nFRAME\n`
  return Buffer.concat([Buffer.from(head), light, colour])
}
