import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect } from 'chai'
import type { Context } from 'mocha'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type LaunchOptions,
  type Page,
} from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'

/** A page with nothing in it yet, as somebody's browser opens it. */
export interface Tab {
  context: BrowserContext
  page: Page
  seen: ReturnType<typeof watch>
}

/**
 * A browser for all tests of a block; the block is skipped where there is none. After each test: nothing broke a policy or threw.
 * @returns opens a tab with a profile of its own, in English unless said otherwise, and closes the one before
 */
export function useBrowser(): (options?: BrowserContextOptions, from?: Browser) => Promise<Tab> {
  let browser: Browser
  let tab: Tab | undefined
  before(async function () {
    requireChromium(this)
    browser = await openBrowser()
  })
  after(() => browser?.close())
  afterEach(async () => {
    await tab?.context.close()
    expect(tab?.seen.complaints, 'nothing broke a policy or threw').to.deep.equal([])
    tab = undefined
  })
  return async (options = {}, from = browser) => {
    await tab?.context.close()
    const context = await from.newContext({ locale: 'en-GB', ...options })
    const page = await context.newPage()
    tab = { context, page, seen: watch(page) }
    return tab
  }
}

/** Ends the test, or all of a block, where there is no browser to walk through the page. */
export function requireChromium(test: Context): void {
  if (existsSync(CHROMIUM)) return
  console.log(`      skipped: ${CHROMIUM} is not installed`)
  test.skip()
}

export const openBrowser = ({ args = [], ...options }: LaunchOptions = {}): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
    ...options,
  })

/** Everything that a page's browser sends, and what its console says of policies broken and errors thrown. */
export function watch(page: Page): { requests: string[]; complaints: string[] } {
  const requests: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => {
    requests.push(
      `${request.method()} ${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`,
    )
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 404'))
      complaints.push(message.text())
  })
  return { requests, complaints }
}

const AXE = createRequire(import.meta.url)('axe-core') as { source: string }

/** What axe-core finds wrong with a page once it stands still, e.g. `label: #order`: what fades in has little contrast. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE.source)
  return page.evaluate(async () => {
    for (const animation of document.getAnimations()) animation.finish()
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { target: string[] }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
  })
}
