import path from 'node:path'

export interface ProviderDeclaration {
  name: string
  /** Folder and log name. */
  id: string
  chain: 'lenders' | 'insurers'
  queryTypes: string[]
  /** The book's declaration file. */
  book: string
  /** Number of the development account. */
  account: number
}

const BOOKS = 'services/provider/books'
const SAMPLE_BOOKS = 'sample/books'

const provider = (
  account: number,
  id: string,
  name: string,
  chain: ProviderDeclaration['chain'],
  queryType: string,
  folder: string,
): ProviderDeclaration => ({
  account,
  id,
  name,
  chain,
  queryTypes: [queryType],
  book: path.join(folder, `${id}.json`),
})

/** The development accounts of the parties that there is one of. */
export const ACCOUNTS = { administrator: 0, proxy: 1, firstProvider: 2, taxOffice: 9, evidence: 10 } as const

/** The providers on the invented books that ship with the project. */
export const SAMPLE_PROVIDERS: ProviderDeclaration[] = [
  provider(2, 'lender-a', 'Lender A', 'lenders', 'loan', SAMPLE_BOOKS),
  provider(3, 'lender-b', 'Lender B', 'lenders', 'loan', SAMPLE_BOOKS),
  provider(4, 'insurer-a', 'Insurer A', 'insurers', 'motor-insurance', SAMPLE_BOOKS),
  provider(5, 'insurer-b', 'Insurer B', 'insurers', 'motor-insurance', SAMPLE_BOOKS),
  provider(6, 'insurer-c', 'Insurer C', 'insurers', 'motor-insurance', SAMPLE_BOOKS),
]

/** The providers on the real books of the shared data. */
export const SHARED_DATA_PROVIDERS: ProviderDeclaration[] = [
  provider(2, 'lender-a', 'Lender A', 'lenders', 'loan', BOOKS),
  provider(3, 'lender-b', 'Lender B', 'lenders', 'loan', BOOKS),
  provider(4, 'insurer-a', 'Insurer A', 'insurers', 'motor-insurance', BOOKS),
  provider(5, 'insurer-b', 'Insurer B', 'insurers', 'motor-insurance', BOOKS),
  provider(6, 'insurer-c', 'Insurer C', 'insurers', 'motor-insurance', BOOKS),
  provider(7, 'insurer-be', 'Insurer BE', 'insurers', 'motor-insurance', BOOKS),
  provider(8, 'insurer-d', 'Insurer D', 'insurers', 'health-insurance', BOOKS),
]
