import { readFileSync } from 'node:fs'

const README = new URL('../../README.md', import.meta.url)

/** The shell commands of a section of the README, as they are printed. */
export function commandsOf(section: string): string {
  const text = readFileSync(README, 'utf8')
  const start = text.indexOf(`\n## ${section}\n`)
  if (start < 0) throw new Error(`the README has no section ${section}`)
  const end = text.indexOf('\n## ', start + 1)
  const blocks = [...text.slice(start, end).matchAll(/```sh\n([\s\S]*?)```/g)]
  return blocks.map(([, commands]) => commands).join('\n')
}
