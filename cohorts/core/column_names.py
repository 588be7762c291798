"""Other words for our columns and choices, as spreadsheets and REDCap projects of hospitals use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from cohorts.core.staging import CM_CHOICES, CN_CHOICES, CT_CHOICES

#: Field → names that mean it, compared without case, spaces and signs.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "patient": (
        *("patient_id", "patient code", "record_id", "study_id", "subject", "subject_id", "case id", "pseudonym"),
        *("code", "患者", "患者编号", "受试者编号", "病例编号"),
    ),
    "centre": ("center", "site", "hospital", "redcap_data_access_group", "data access group", "中心", "医院"),
    "age_years": ("age", "age at diagnosis", "年龄"),
    "sex": ("gender", "性别"),
    "smoking": ("smoking status", "smoking history", "吸烟", "吸烟史"),
    # Words such as "pathology type" may mean the resected tumour: nobody but a person can tell.
    "histology": (
        *("histological type", "biopsy histology", "histology at biopsy", "histology before treatment"),
        *("组织学类型", "活检病理类型", "治疗前病理类型"),
    ),
    # Not "cT" and "cM" themselves: signs and case aside they are the scan and the centimetre.
    "clinical_t": ("ct stage", "clinical t stage", "clinical t category"),
    "clinical_n": ("cn stage", "clinical n stage", "clinical n category"),
    "clinical_m": ("cm stage", "clinical m stage", "clinical m category"),
    "clinical_tnm_edition": ("tnm edition of the clinical stage", "ctnm edition"),
    "clinical_stage": ("stage", "ctnm stage", "clinical tnm stage", "临床分期"),
    "pdl1_percent": ("pdl1", "pd-l1 tps", "tps", "pd-l1 (%)"),
    "location": ("tumour location", "tumor location", "肿瘤位置"),
    "regimen": ("neoadjuvant regimen", "treatment regimen", "治疗方案", "新辅助方案"),
    "cycles": ("number of cycles", "neoadjuvant cycles", "周期数"),
    "first_dose_on": ("first dose", "date of first dose", "treatment start", "首次给药日期"),
    "last_dose_on": ("last dose", "date of last dose", "treatment end", "末次给药日期"),
    "radiological_response": (
        *("recist", "recist response", "recist 1.1", "best response", "radiologic response", "ct response"),
        *("影像学疗效", "影像学缓解", "疗效评价"),
    ),
    "suv_max_pre": ("suvmax before", "suvmax pre", "baseline suvmax", "suvmax baseline", "治疗前suvmax"),
    "suv_max_post": ("suvmax after", "suvmax post", "post-treatment suvmax", "治疗后suvmax"),
    "enrolled_on": ("enrolment", "enrollment date", "date of enrolment", "date of enrollment", "入组日期"),
    "exclusion": ("excluded because", "reason for exclusion", "排除原因"),
    "viable_percent": (
        *("rvt", "viable", "viable tumour", "viable tumor", "residual viable tumour", "residual viable tumor"),
        *("残存肿瘤", "残存活肿瘤百分比"),
    ),
    "necrosis_percent": ("necrosis", "necrosis (%)", "坏死", "坏死百分比"),
    "stroma_percent": ("stroma", "stroma (%)", "间质", "间质百分比"),
    "fibrosis_percent": ("fibrosis", "fibrosis (%)", "纤维化"),
    "inflammation_percent": ("inflammation", "inflammation (%)", "炎症"),
    "ypt": ("yp t", "ypt stage", "pathological t"),
    "ypn": ("yp n", "ypn stage", "pathological n"),
    "ypm": ("yp m", "ypm stage", "pathological m"),
    "sampling": (
        *("sampling_complete", "sampled completely", "tumour bed sampled completely", "tumor bed sampled completely"),
        *("sampling of the tumour bed", "sampling of the tumor bed", "瘤床取材"),
    ),
    "surgical_histology": (
        *(
            "histology at surgery",
            "resected histology",
            "postoperative histology",
            "histology of the resected tumour",
        ),
        *("术后病理类型",),
    ),
    "nodes_examined": ("lymph nodes examined", "nodes examined", "number of nodes examined", "淋巴结总数"),
    "nodes_positive": ("lymph nodes positive", "nodes positive", "number of positive nodes", "阳性淋巴结数"),
    "stations": ("nodes by station", "lymph node stations", "淋巴结分站"),
    "tumour_bed_mm": ("tumour bed", "tumor bed", "tumour bed (mm)", "tumor bed (mm)", "瘤床最大径"),
    "surgery_on": ("surgery", "surgery date", "date of surgery", "手术日期"),
    "signed_off_on": ("sign-off", "pathology date", "date of pathology", "date of pathology report", "病理报告日期"),
    "procedure": ("surgical procedure", "operation", "手术方式"),
    "resection": ("margin", "resection margin", "r status", "切缘"),
    "reader": ("pathologist", "reader's initials"),
}
_HISTOLOGY = {
    "adc": "adenocarcinoma",
    "luad": "adenocarcinoma",
    "腺癌": "adenocarcinoma",
    "scc": "squamous",
    "lusc": "squamous",
    "squamous carcinoma": "squamous",
    "鳞癌": "squamous",
    "鳞状细胞癌": "squamous",
    "腺鳞癌": "adenosquamous",
    "大细胞癌": "large_cell",
    "nsclc": "nsclc_nos",
    "nos": "nsclc_nos",
    "not otherwise specified": "nsclc_nos",
}
_EDITION = {"8th": "8", "9th": "9"}
#: Until version 0.6 it was asked whether the bed was sampled completely.
_SAMPLING = {
    **dict.fromkeys(("yes", "y", "true", "1", "checked", "completely", "是"), "complete"),
    **dict.fromkeys(("no", "n", "false", "0", "unchecked", "not completely", "否"), "incomplete"),
    "iaslc": "as_iaslc",
}
#: Other words for a choice; those in the list of a field stand for themselves.
_CHOICES: Mapping[str, Mapping[str, str]] = {
    "sex": {"f": "female", "m": "male", "女": "female", "男": "male"},
    "smoking": {"ex smoker": "former", "current smoker": "current", "never smoker": "never"}
    | {"从不": "never", "既往": "former", "目前": "current"},
    "histology": _HISTOLOGY,
    "surgical_histology": _HISTOLOGY,
    "clinical_t": {name.removeprefix("c"): name for name in CT_CHOICES} | {"T1a(mi)": "cT1mi", "cT1a(mi)": "cT1mi"},
    "clinical_n": {name.removeprefix("c"): name for name in CN_CHOICES},
    "clinical_m": {name.removeprefix("c"): name for name in CM_CHOICES},
    "sampling": _SAMPLING,
    "location": {"central": "central", "peripheral": "peripheral", "中央型": "central", "周围型": "peripheral"},
    "tnm_edition": _EDITION,
    "clinical_tnm_edition": _EDITION,
    "radiological_response": {"complete response": "CR", "partial response": "PR", "stable disease": "SD"}
    | {"progressive disease": "PD", "progression": "PD", "完全缓解": "CR", "部分缓解": "PR"}
    | {"疾病稳定": "SD", "疾病进展": "PD"},
}


def suggest(
    columns: Iterable[str],
    *,
    fields: Sequence[str],
    titles: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    remembered: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Propose a field for each column of a table, or "" where nothing is known.

    Parameters
    ----------
    columns : iterable of str
        Header of the table.
    fields : sequence of str
        Names of the fields that may be written.
    titles : mapping of str to str, optional
        Field → what it is called on pages.
    labels : mapping of str to str, optional
        Column → what a REDCap project calls it.
    remembered : mapping of str to str, optional
        Column → field as a person chose it last time; counts before everything but the field's own name.

    Returns
    -------
    dict of str to str
        Column → field; no field is proposed twice.
    """
    titles, labels, remembered = titles or {}, labels or {}, remembered or {}
    named = {_plain(title): field for field, title in titles.items() if field in fields}
    named |= {_plain(name): field for field in fields for name in (field, *_NAMES.get(field, ()))}
    rounds: tuple[Callable[[str], str], ...] = (
        lambda column: column if column in fields else "",
        lambda column: remembered.get(column, ""),
        lambda column: named.get(_plain(column), ""),
        lambda column: named.get(_plain(labels.get(column, "")), ""),
    )
    found = dict.fromkeys(columns, "")
    for propose in rounds:
        for column, chosen in found.items():
            # What a person left out once stays out.
            field = "" if chosen or (column not in fields and remembered.get(column) == "") else propose(column)
            if field in fields and field not in found.values():
                found[column] = field
    return found


def choice_of(field: str, text: str, *, choices: Mapping[str, str]) -> str:
    """Give the value of a choice from its value, its label or another word; unknown text stays as it is."""
    if text in choices:
        return text
    known = {_plain(word): value for word, value in _CHOICES.get(field, {}).items()}
    known |= {_plain(label): value for value, label in choices.items()}
    known |= {_plain(value): value for value in choices}
    return known.get(_plain(text), text)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
