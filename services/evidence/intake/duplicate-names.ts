import type { Json } from '../../../protocol/canonical-json.ts'

/** A string, or what stands between a name and its value. */
const STRING_OR_COLON = /"(?:[^"\\]|\\.)*"|:/g

/**
 * Whether an object in a JSON text has two members of one name: a parser keeps the last and forgets the others, so that the text says
 * more than its value. The text has a colon for each member, outside of strings; the value has only those that are left.
 * @param text well-formed JSON
 * @param value what it was parsed to
 */
export function hasDuplicateNames(text: string, value: Json): boolean {
  let colons = 0
  for (const [token] of text.matchAll(STRING_OR_COLON)) if (token === ':') colons++
  return colons !== countMembers(value)
}

/** Without recursion: nesting is the sender's choice. */
function countMembers(value: Json): number {
  let count = 0
  const left: Json[] = [value]
  while (left.length > 0) {
    const next = left.pop()!
    if (typeof next !== 'object' || next === null) continue
    const items = Object.values(next)
    if (!Array.isArray(next)) count += items.length
    for (const item of items) left.push(item)
  }
  return count
}
