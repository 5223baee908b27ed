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

/** Looks providers up by query type, in order of registration; their metadata is parsed once a directory reading that changed something. */
export function providerCatalogue(
  directory: Pick<Directory, 'activeIn'>,
): (type: string) => readonly Participant[] {
  let indexed: readonly Participant[] | undefined
  let byType = new Map<string, Participant[]>()
  return (type) => {
    const active = directory.activeIn('provider')
    if (active !== indexed) {
      byType = indexByType(active)
      indexed = active
    }
    return byType.get(type) ?? []
  }
}

function indexByType(providers: readonly Participant[]): Map<string, Participant[]> {
  const byType = new Map<string, Participant[]>()
  for (const provider of providers)
    for (const type of new Set(queryTypesOf(provider))) {
      const served = byType.get(type)
      if (served === undefined) byType.set(type, [provider])
      else served.push(provider)
    }
  return byType
}
