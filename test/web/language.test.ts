import { expect } from 'chai'
import { KNOWN_CATEGORIES } from '../../protocol/payments/payment-category.ts'
import { CATEGORY_NAMES } from '../../web/language/category-names.ts'
import { en } from '../../web/language/en.ts'
import { formatAmount, formatPaidAt } from '../../web/language/format.ts'
import { categoryIn, pickLanguage, textIn } from '../../web/language/language.ts'
import { zh } from '../../web/language/zh.ts'

const namesIn = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort()

describe('texts of the pages', () => {
  it('are there in English and in Chinese, with the same values in each', () => {
    expect(Object.keys(zh)).to.have.members(Object.keys(en))
    for (const [key, text] of Object.entries(en))
      expect(namesIn(zh[key as keyof typeof en]), key).to.deep.equal(namesIn(text))
  })

  it('are in the language they should be in, and none is empty', () => {
    const international = /^(Countersign|JSON-RPC.*|English|中文)$/
    for (const [key, text] of Object.entries(en))
      if (!international.test(text)) expect(text, key).to.match(/^[\x20-\x7e’…]+$/)
    for (const [key, text] of Object.entries(zh))
      if (!international.test(text)) expect(text, key).to.match(/\p{Script=Han}/u)
  })

  it('follow the preferred language that there is, and else are English', () => {
    expect(pickLanguage(['fr', 'zh-Hant-TW', 'en'])).to.equal('zh')
    expect(pickLanguage(['en-US', 'zh'])).to.equal('en')
    expect(pickLanguage(['fr'])).to.equal('en')
    expect(pickLanguage([])).to.equal('en')
  })

  it('take values as text only', () => {
    expect(textIn('en', 'version.title', { version: '<b>{version}' })).to.equal('Version <b>{version}')
  })

  it('name every known category, and show any other as it is', () => {
    expect(Object.keys(CATEGORY_NAMES)).to.have.members([...KNOWN_CATEGORIES])
    expect(categoryIn('zh', 'income-tax')).to.equal('所得税')
    expect(categoryIn('zh', 'dog-licence')).to.equal('dog-licence')
    expect(categoryIn('en', 'constructor')).to.equal('constructor')
  })

  it('tell amounts exactly, with the decimals of the currency', () => {
    expect(formatAmount('en', 123_456, 'GBP')).to.equal('GBP 1,234.56')
    expect(formatAmount('zh', 5, 'JPY')).to.equal('JPY 5')
    expect(formatAmount('en', 1_234_567, 'BHD')).to.equal('BHD 1,234.567')
    expect(formatAmount('en', -1, 'CNY')).to.equal('CNY -0.01')
    expect(formatAmount('en', Number.MAX_SAFE_INTEGER, 'CNY')).to.equal('CNY 90,071,992,547,409.91')
  })

  it('tell a day as that day wherever they are read, and a moment in UTC', () => {
    expect(formatPaidAt('en', '2024-04-05')).to.equal('5 April 2024')
    expect(formatPaidAt('zh', '2024-04-05')).to.equal('2024年4月5日')
    expect(formatPaidAt('en', '2024-04-05T23:59:59Z')).to.equal('5 April 2024 at 23:59:59 UTC')
  })
})
