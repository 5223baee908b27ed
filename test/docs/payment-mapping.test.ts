import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { REFUSAL_CODES } from '../../services/tax-office/import/imported-row.ts'
import { PaymentMappingSchema } from '../../services/tax-office/import/mapping-schema.ts'

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
const page = read('docs/payment-mapping.md')

describe('docs/payment-mapping.md', () => {
  it('shows the mapping and rows of the sample', () => {
    expect(page).to.contain(`\`\`\`json\n${read('sample/payments/payments.json')}\`\`\``)
    const rows = /```\n(Bill,[^`]*)```/.exec(page)![1]!.trimEnd().split('\n')
    expect(read('sample/payments/payments.csv').split('\n')).to.include.members(rows)
  })

  it('has a line for each member, and for each code of a refusal in alphabetical order', () => {
    const members = Object.keys(PaymentMappingSchema.properties).filter((name) => name !== 'description')
    for (const member of members) expect(page).to.match(new RegExp(`^\\|[^|]*\`${member}[\`.]`, 'm'))
    const codes = [...page.matchAll(/^\| `([A-Z_0-9]+)` \|/gm)].map(([, code]) => code)
    expect(codes).to.deep.equal([...REFUSAL_CODES])
    expect(codes).to.deep.equal([...codes].sort())
  })
})
