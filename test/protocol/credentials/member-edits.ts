export interface MemberEdit {
  /** Such as `proof[0].created changed`. */
  path: string
  edited: unknown
}

/**
 * Every document that differs from `value` in one member at any depth: changed to several others of its kind, to other kinds, removed,
 * or with a member added beside it.
 */
export function* memberEdits(value: unknown): Generator<MemberEdit> {
  yield* editsAt(value, '', (edited) => edited)
}

type Put = (edited: unknown) => unknown

function* editsAt(value: unknown, path: string, put: Put): Generator<MemberEdit> {
  if (path !== '')
    for (const other of othersThan(value)) yield { path: `${path} changed`, edited: put(other) }
  if (Array.isArray(value)) yield* listEdits(value, path, put)
  else if (typeof value === 'object' && value !== null)
    yield* objectEdits(value as Record<string, unknown>, path, put)
}

function* listEdits(list: unknown[], path: string, put: Put): Generator<MemberEdit> {
  for (const [i, item] of list.entries()) {
    yield { path: `${path}[${i}] removed`, edited: put(list.toSpliced(i, 1)) }
    yield* editsAt(item, `${path}[${i}]`, (edited) => put(list.with(i, edited)))
  }
  yield { path: `${path} lengthened`, edited: put([...list, list.at(-1) ?? 0]) }
  if (list.length > 1) yield { path: `${path} reversed`, edited: put(list.toReversed()) }
}

function* objectEdits(object: Record<string, unknown>, path: string, put: Put): Generator<MemberEdit> {
  for (const name of Object.keys(object)) {
    const { [name]: value, ...others } = object
    const at = path === '' ? name : `${path}.${name}`
    yield { path: `${at} removed`, edited: put(others) }
    yield { path: `${at} renamed`, edited: put({ ...others, [`${name}2`]: value }) }
    yield* editsAt(value, at, (edited) => put({ ...object, [name]: edited }))
  }
  yield { path: `${path} extended`, edited: put({ ...object, extra: 'more' }) }
}

function othersThan(value: unknown): unknown[] {
  const others: unknown[] = [null, true, 0, '', [], {}]
  if (typeof value === 'number') others.push(value + 1, value * 2 + 7, String(value))
  if (typeof value === 'boolean') others.push(!value)
  if (typeof value === 'string') others.push(...textsNear(value), [value])
  return others.filter((other) => JSON.stringify(other) !== JSON.stringify(value))
}

/** Texts of the same look: a digit, a letter or the case changed, at the start, in the middle and at the end. */
function textsNear(text: string): string[] {
  const places = [0, 2, text.length >> 1, text.length - 3, text.length - 1].filter(
    (i) => i >= 0 && i < text.length,
  )
  const swapped = places.flatMap((i) => {
    const character = text[i]!
    const digit = /\d/.test(character) ? String((Number(character) + 1) % 10) : character === 'a' ? 'b' : 'a'
    return [digit, character.toUpperCase(), character.toLowerCase()].map(
      (other) => text.slice(0, i) + other + text.slice(i + 1),
    )
  })
  return [...swapped, text.slice(0, -1), `${text}0`, `${text} `, text.toUpperCase(), text.toLowerCase()]
}
