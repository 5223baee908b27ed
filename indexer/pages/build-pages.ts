import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { build, stop } from 'esbuild'
import type { AddressBook } from '../../protocol/address-book.ts'
import { credentialNetworkOf } from '../../protocol/credentials/credential-network.ts'
import { paymentNetworkOf, publicRpcUrlsOf } from '../../protocol/payments/payment-network.ts'
import { pageHtml } from './page-html.ts'
import { PAGES, type PagePath } from './page-list.ts'
import { ASSET_HEADERS, pageHeaders } from './page-security.ts'

export interface BuiltFile {
  headers: Record<string, string>
  /** Weak: it stands for the file with and without compression. */
  etag: string
  body: Buffer
  zipped: Buffer
}

export interface Pages {
  pages: Record<PagePath, BuiltFile>
  /** By file name. */
  assets: ReadonlyMap<string, BuiltFile>
}

const WEB = fileURLToPath(new URL('../../web/', import.meta.url))
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

/** Bundles the pages, each with the network that this installation's address book tells. */
export async function buildPages(addressBook: AddressBook): Promise<Pages> {
  const files = await bundle()
  const assets = new Map<string, BuiltFile>()
  for (const [name, content] of files) {
    const type = MEDIA_TYPES[name.split('.').at(-1)!]!
    assets.set(name, await builtFile(content, { 'content-type': type, ...ASSET_HEADERS }))
  }
  const names = [...files.keys()]
  const nameOf = (start: string, end: string): string =>
    names.find((name) => name.startsWith(`${start}-`) && name.endsWith(end))!
  const networks = {
    payments: paymentNetworkOf(addressBook, publicRpcUrlsOf),
    credentials: credentialNetworkOf(addressBook, publicRpcUrlsOf),
  }
  const pages = {} as Record<PagePath, BuiltFile>
  for (const path of Object.keys(PAGES) as PagePath[]) {
    const { entry, title, asks, of } = PAGES[path]
    const network = networks[of]
    const html = pageHtml({
      title,
      script: `/pay/assets/${nameOf(entry, '.js')}`,
      style: `/pay/assets/${nameOf('page', '.css')}`,
      settings: { network },
    })
    pages[path] = await builtFile(Buffer.from(html), pageHeaders(network, asks))
  }
  return { pages, assets }
}

/** Of the browser's side of everything: `imports` of package.json name it. */
async function bundle(): Promise<Map<string, Uint8Array>> {
  try {
    const { outputFiles } = await build({
      absWorkingDir: WEB,
      entryPoints: ['pay.tsx', 'verify.tsx', 'evidence.tsx', 'page.css'],
      outdir: '.',
      entryNames: '[name]-[hash]',
      chunkNames: 'part-[hash]',
      write: false,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'browser',
      target: ['chrome123', 'firefox120', 'safari17.5'],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      minify: true,
      legalComments: 'none',
      logLevel: 'silent',
      define: { 'process.env.NODE_ENV': '"production"' },
    })
    return new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]))
  } finally {
    // The bundler is a process of its own, which has done its work.
    await stop()
  }
}

async function builtFile(content: Uint8Array, headers: Record<string, string>): Promise<BuiltFile> {
  const digest = createHash('sha256').update(content).digest('base64url').slice(0, 22)
  return {
    headers,
    etag: `W/"${digest}"`,
    body: Buffer.from(content),
    zipped: await promisify(gzip)(content, { level: 9 }),
  }
}
