import type { Directory, Participant } from '../party/directory.ts'

const DATA_URI = /^data:application\/json(?:;charset=utf-8)?,(.*)$/is

/**
 * The query types a provider says in the directory that it answers. Its entry's `metadataURI` is
 * `data:application/json,{"queryTypes":["loan"]}`, URL-encoded; any other URI names none.
 */
export function queryTypesOf({ metadataURI }: Pick<Participant, 'metadataURI'>): string[] {
  const [, encoded] = DATA_URI.exec(metadataURI) ?? []
  if (encoded === undefined) return []
  try {
    const { queryTypes } = JSON.parse(decodeURIComponent(encoded)) as { queryTypes?: unknown }
    return Array.isArray(queryTypes) ? queryTypes.filter((type) => typeof type === 'string') : []
  } catch {
    return []
  }
}

/** Looks providers up by query type; metadata is parsed once per directory entry. */
export function providerCatalogue(directory: Pick<Directory, 'activeIn'>): (type: string) => Participant[] {
  const types = new WeakMap<Participant, string[]>()
  return (type) =>
    directory.activeIn('provider').filter((provider) => {
      let served = types.get(provider)
      if (served === undefined) {
        served = queryTypesOf(provider)
        types.set(provider, served)
      }
      return served.includes(type)
    })
}
