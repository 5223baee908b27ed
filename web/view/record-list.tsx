import type { ComponentChildren } from 'preact'
import type { PaymentRecord } from '../../protocol/payments/payment-record.ts'
import { formatAmount, formatField, formatPaidAt } from '../language/format.ts'
import { categoryIn } from '../language/language.ts'
import { useTexts } from './language-context.tsx'

/** Everything that a record says; what an office adds under names of its own stands apart, so that it is not taken for the record's. */
export function RecordList({ record, children }: { record: PaymentRecord; children?: ComponentChildren }) {
  const { language, t } = useTexts()
  const others = Object.entries(record.fields ?? {})
  const { kind, category, period, amountMinor, currency, paidAt, authority, payerTag } = record
  return (
    <div class="record-list">
      <dl class="record">
        <Row name={t('version.kind')}>
          {t(`kind.${kind}`)} <span class="note">{t(`kind.${kind}.meaning`)}</span>
        </Row>
        <Row name={t('version.amount')}>
          <strong class="amount">{formatAmount(language, amountMinor, currency)}</strong>
        </Row>
        <Row name={t('version.category')}>{categoryIn(language, category)}</Row>
        <Row name={t('version.period')}>{period === '' ? t('version.none') : period}</Row>
        <Row name={t('version.paidAt')}>{formatPaidAt(language, paidAt)}</Row>
        <Row name={t('version.authority')}>
          <bdi>{authority}</bdi>
        </Row>
        {payerTag !== undefined && (
          <Row name={t('version.payerTag')}>
            <bdi>{payerTag}</bdi>
          </Row>
        )}
        {children}
      </dl>
      {others.length > 0 && (
        <div class="fields">
          <p class="note">{t('version.fields')}</p>
          <dl class="record">
            {others.map(([name, value]) => (
              <Row key={name} name={name}>
                <bdi>{formatField(value)}</bdi>
              </Row>
            ))}
          </dl>
        </div>
      )}
    </div>
  )
}

export function Row({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="row">
      <dt>
        <bdi>{name}</bdi>
      </dt>
      <dd>{children}</dd>
    </div>
  )
}
