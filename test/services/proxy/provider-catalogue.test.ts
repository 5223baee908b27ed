import { expect } from 'chai'
import type { Participant } from '../../../services/party/directory.ts'
import { providerCatalogue, queryTypesOf } from '../../../services/proxy/provider-catalogue.ts'

const uriOf = (document: unknown): string =>
  `data:application/json,${encodeURIComponent(JSON.stringify(document))}`
const typesIn = (metadataURI: string): string[] => queryTypesOf({ metadataURI })
const providerOf = (name: string, queryTypes: string[]): Participant => ({
  address: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
  roles: ['provider'],
  status: 'active',
  registeredAt: 0,
  changedAt: 0,
  name,
  endpoint: '',
  metadataURI: uriOf({ queryTypes }),
  books: {},
})

describe('queryTypesOf', () => {
  it('reads the types of a data URI, URL-encoded or not', () => {
    expect(typesIn(uriOf({ queryTypes: ['loan', 'pension'] }))).to.deep.equal(['loan', 'pension'])
    expect(typesIn('data:application/json,{"queryTypes":["loan"]}')).to.deep.equal(['loan'])
    expect(typesIn('data:application/json;charset=utf-8,{"queryTypes":["loan"]}')).to.deep.equal(['loan'])
  })

  it('reads none of anything else', () => {
    const others = ['', 'https://provider.example', 'data:application/json,{', 'data:application/json,%zz']
    for (const uri of [
      ...others,
      uriOf(null),
      uriOf({ queryTypes: 'loan' }),
      uriOf({ queryTypes: [1, null] }),
    ])
      expect(typesIn(uri), uri).to.deep.equal([])
  })
})

describe('providerCatalogue', () => {
  it('looks providers up by type, as the directory stands', () => {
    let active = [providerOf('A', ['loan']), providerOf('B', ['loan', 'pension', 'loan'])]
    const providersOf = providerCatalogue({ activeIn: () => active })
    const namesOf = (type: string) => providersOf(type).map(({ name }) => name)
    expect(namesOf('loan')).to.deep.equal(['A', 'B'])
    expect(namesOf('pension')).to.deep.equal(['B'])
    expect(namesOf('horoscope')).to.deep.equal([])
    active = active.slice(0, 1)
    expect(namesOf('pension')).to.deep.equal([])
  })
})
