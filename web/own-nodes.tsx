import { useState } from 'preact/hooks'
import { toAddress } from '../protocol/hex.ts'
import type { PaymentChain, PaymentNetwork } from '../protocol/payments/payment-network.ts'
import type { TextKey } from './language/en.ts'
import { useTexts } from './view/language-context.tsx'
import { ErrorLine } from './view/status-line.tsx'

/** What is asked, and what is believed: from the page's server, or of somebody's own. */
export interface OwnNodesChoice {
  network: PaymentNetwork
  /** Endpoints that have to answer and agree; none: those of the network. */
  urls: string[]
  /** Chains whose registry somebody typed, and the directory with it. */
  ownRegistries: number[]
}

interface OwnNodesProps {
  network: PaymentNetwork
  /** Of the ordinary page. */
  path: string
  /** What a registry is called, on its chain. */
  registryText: TextKey
  /** Fragment that is carried over to the page that may ask other nodes. */
  fragment?: string | undefined
  /** Of what is verified: its registry is asked for alone. */
  chainId: number | undefined
  onChoose(choice: OwnNodesChoice): void
}

/** A page's policy names the nodes that it may ask; that of the page under this name beside it lets it ask any. */
const OWN_NODES = '/own-nodes'

const NODES = [1, 2] as const

export function OwnNodes({ path, fragment, ...props }: OwnNodesProps) {
  const { t } = useTexts()
  if (window.location.pathname === path + OWN_NODES) return <OwnNodesForm {...props} />
  return (
    <p class="screen">
      <a href={`${path}${OWN_NODES}${fragment ?? ''}`}>{t('own.open')}</a>
    </p>
  )
}

function OwnNodesForm({
  network,
  registryText,
  chainId: ofVerified,
  onChoose,
}: Omit<OwnNodesProps, 'path' | 'fragment'>) {
  const { t } = useTexts()
  const [isMalformed, setMalformed] = useState(false)
  function choose(form: HTMLFormElement): void {
    const choice = readChoice(new FormData(form), network)
    setMalformed(choice === undefined)
    if (choice !== undefined) onChoose(choice)
  }
  return (
    <section class="panel screen">
      <h2>{t('own.title')}</h2>
      <p>{t('own.lead')}</p>
      <form
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault()
          choose(event.currentTarget)
        }}
      >
        {NODES.map((number) => (
          <div class="field" key={number}>
            <label for={`node-${number}`}>
              {t('own.node', { number })}
              {number > 1 && <span class="note"> ({t('own.optional')})</span>}
            </label>
            <input id={`node-${number}`} name="node" inputMode="url" maxLength={2_000} spellcheck={false} />
          </div>
        ))}
        {/* Empty at first: an address that the page's server gave would not be somebody's own. */}
        {registriesOf(network, ofVerified).map(({ chainId }) => (
          <div class="field" key={chainId}>
            <label for={`registry-${chainId}`}>{t(registryText, { chain: chainId })}</label>
            <input
              id={`registry-${chainId}`}
              name={`registry-${chainId}`}
              class="address"
              required
              spellcheck={false}
            />
          </div>
        ))}
        <div class="field">
          <label for="directory">{t('own.directory', { chain: network.directory.chainId })}</label>
          <input id="directory" name="directory" class="address" required spellcheck={false} />
        </div>
        <div class="actions">
          <button type="submit">{t('verify.check')}</button>
        </div>
        <ErrorLine message={isMalformed ? { key: 'own.malformed' } : undefined} />
      </form>
    </section>
  )
}

/** The chains whose registry has to be named. */
const registriesOf = ({ chains }: PaymentNetwork, ofVerified: number | undefined): PaymentChain[] =>
  chains.filter(({ chainId, registry }) => registry !== null && (ofVerified ?? chainId) === chainId)

/** Undefined when something in it is malformed. */
function readChoice(form: FormData, network: PaymentNetwork): OwnNodesChoice | undefined {
  const textOf = (name: string) => String(form.get(name) ?? '').trim()
  const urls = form.getAll('node').flatMap((value) => String(value).trim() || [])
  if (!urls.every(isNodeUrl)) return undefined
  try {
    return {
      urls,
      ownRegistries: network.chains.flatMap(({ chainId }) =>
        form.has(`registry-${chainId}`) ? chainId : [],
      ),
      network: {
        directory: { ...network.directory, address: toAddress(textOf('directory')) },
        chains: network.chains.map((chain) => {
          const name = `registry-${chain.chainId}`
          return form.has(name) ? { ...chain, registry: toAddress(textOf(name)) } : chain
        }),
      },
    }
  } catch {
    return undefined
  }
}

const LOOPBACK = new Set(['localhost', '127.0.0.1'])

function isNodeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))
}
