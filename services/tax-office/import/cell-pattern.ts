/** A pattern of a mapping as it is tried: on the whole cell, by code points. @throws SyntaxError */
export const wholeCell = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`, 'u')

export function isPattern(pattern: string): boolean {
  try {
    wholeCell(pattern)
    return true
  } catch {
    return false
  }
}
